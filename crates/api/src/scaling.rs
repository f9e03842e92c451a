//! How many pods a revision may have and what moves the number.

use std::time::Duration;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schedule::Schedule;

/// Live settings of the autoscaler: a change takes effect at the next decision and makes no Revision. What is not set
/// is as the cluster's settings say, and else as written here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.min) || !has(self.max) || self.min <= self.max")
    .message("`min` must not be greater than `max`"))]
#[x_kube(validation = Rule::new("!has(self.initial) || !has(self.max) || self.initial <= self.max")
    .message("`initial` must not be greater than `max`"))]
#[x_kube(validation = Rule::new("!has(self.activation) || !has(self.max) || self.activation <= self.max")
    .message("`activation` must not be greater than `max`"))]
#[x_kube(validation = Rule::new("!has(self.metric) || !(self.metric in ['CPU', 'Memory']) || !has(self.utilizationPercent)")
    .message("`utilizationPercent` must not be set with metric CPU or Memory: `target` is a percentage already"))]
#[x_kube(validation = Rule::new("!has(self.schedules) || !has(self.max) || self.schedules.all(s, s.min <= self.max)")
    .message("`min` of a schedule must not be greater than `max`"))]
pub struct Scaling {
    /// Fewest pods of a revision that gets traffic, in pods; 0 lets it sleep, but is 1 with metric CPU or Memory, which
    /// say nothing while no pod runs, unless a start failed. Range 0 to 1000. Default 0.
    #[schemars(range(min = 0, max = 1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// Most pods of a revision, in pods. Range 1 to 1000. Default 10.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Pods that a new revision begins with, in pods; it may be scaled in once they were ready. Range 1 to 1000.
    /// Default 1.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial: Option<u32>,
    /// Fewest pods while there is any load, in pods. Range 1 to 1000. Default 1.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<u32>,
    /// What load is measured in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Load that one pod should carry: in requests, in requests per second, or with CPU and Memory in percent of what the
    /// app's containers request together, the sidecar not counted. Range 0.01 to 100000. Default 100, of RequestRate 200,
    /// of CPU and Memory 80.
    // The rule says it again: the API server compares an integer literal with the minimum cut to an integer, so 0 passes.
    #[x_kube(validation = Rule::new("self >= 0.01").message("must be at least 0.01"))]
    #[schemars(range(min = 0.01, max = 100_000.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Share of `target` at which the next pod is wanted, in percent; not with CPU and Memory. Range 1 to 100. Default 70.
    #[schemars(range(min = 1, max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization_percent: Option<u32>,
    /// Time over which load is averaged, as a duration such as `60s`. Range 6s to 1h. Default 60s.
    #[x_kube(validation = crate::duration::within("6s", "1h", "60s"))]
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<kube::core::Duration>,
    /// How `window` becomes a number: `Linear`, every second alike, or `WeightedExponential`, the newest counts most.
    /// Default Linear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
    /// When load rises so fast that a shorter window decides, and nothing is scaled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// How fast the number of pods may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// Time for which fewer pods must be wanted before they go, as a duration such as `5m`. Range 0s to 1h. Default 0s,
    /// of CPU and Memory 5m.
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) <= duration('1h')")
        .message("must be a duration from '0s' to '1h', such as '5m'"))]
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay: Option<kube::core::Duration>,
    /// Time without a request, after `window` ran empty, before the last pod goes, as a duration such as `30s`.
    /// Range 0s to 24h. Default 30s.
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) <= duration('24h')")
        .message("must be a duration from '0s' to '24h', such as '30s'"))]
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_grace: Option<kube::core::Duration>,
    /// The same while traffic is routed to the revision, as in Knative; the longer of the two holds. Range 0s to 1h.
    /// Default 0s.
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) <= duration('1h')")
        .message("must be a duration from '0s' to '1h', such as '5m'"))]
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_retention: Option<kube::core::Duration>,
    /// Times at which there are more pods than `min`. They are ready when it begins: asked for as long before as the
    /// revision's last starts took. Where several hold, and at all times `min`, the highest wins. At most 32.
    #[schemars(length(max = 32))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
}

// The CRD shows the text of a type that is an enum, not that of its field.
/// What load is measured in: `Concurrency`, requests in flight; `RequestRate`, requests per second; `CPU` or `Memory`,
/// what the app's containers use of it, as a HorizontalPodAutoscaler measures it: they must request it
/// (`resources.requests`), and the cluster needs metrics.k8s.io (metrics-server). With CPU and Memory `window`,
/// `aggregation` and `burst` do not count, at least one pod stays (none of a start that failed; it is made again for the
/// next request), and a difference of a tenth from `target` changes nothing. Default Concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Metric {
    /// Requests in flight.
    Concurrency,
    /// Requests per second.
    RequestRate,
    /// CPU that the app's containers use.
    #[serde(rename = "CPU")]
    Cpu,
    /// Memory that the app's containers use.
    Memory,
}

impl Metric {
    /// As users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "Concurrency",
            Self::RequestRate => "RequestRate",
            Self::Cpu => "CPU",
            Self::Memory => "Memory",
        }
    }
}

/// How a window becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Aggregation {
    /// Every second counts alike.
    Linear,
    /// The newest second counts most, each one before it less.
    WeightedExponential,
}

/// When a burst begins, and what it looks at. Knative calls it panic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Burst {
    /// Length of the burst window in percent of `window`. Range 1 to 100. Default 10.
    #[schemars(range(min = 1.0, max = 100.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_percent: Option<f64>,
    /// Pods that the burst window asks for, in percent of those ready, at which a burst begins. Range 110 to 1000.
    /// Default 200.
    #[schemars(range(min = 110.0, max = 1000.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_percent: Option<f64>,
}

/// How fast the number of pods may change at one decision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// At most so many times the ready pods. More than 1, at most 100000. Default 1000; of CPU and Memory 2, and four pods
    /// more are always allowed.
    #[x_kube(validation = Rule::new("self > 1.0").message("must be greater than 1"))]
    #[schemars(range(min = 1.0, max = 100_000.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<f64>,
    /// At least the ready pods divided by this, while the revision gets traffic; 1 never scales in before zero.
    /// Range 1 to 100000. Default 2.
    #[schemars(range(min = 1.0, max = 100_000.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<f64>,
}

impl Scaling {
    /// What is set here, and for the rest what is set in `defaults`; schedules are an app's own.
    #[must_use]
    pub fn or(&self, defaults: &Self) -> Self {
        let burst = |s: &Self| s.burst.clone().unwrap_or_default();
        let rates = |s: &Self| s.rates.clone().unwrap_or_default();
        Self {
            min: self.min.or(defaults.min),
            max: self.max.or(defaults.max),
            initial: self.initial.or(defaults.initial),
            activation: self.activation.or(defaults.activation),
            metric: self.metric.or(defaults.metric),
            target: self.target.or(defaults.target),
            utilization_percent: self.utilization_percent.or(defaults.utilization_percent),
            window: self.window.or(defaults.window),
            aggregation: self.aggregation.or(defaults.aggregation),
            burst: Some(Burst {
                window_percent: burst(self).window_percent.or(burst(defaults).window_percent),
                threshold_percent: burst(self).threshold_percent.or(burst(defaults).threshold_percent),
            }),
            rates: Some(Rates {
                up: rates(self).up.or(rates(defaults).up),
                down: rates(self).down.or(rates(defaults).down),
            }),
            scale_down_delay: self.scale_down_delay.or(defaults.scale_down_delay),
            zero_grace: self.zero_grace.or(defaults.zero_grace),
            zero_retention: self.zero_retention.or(defaults.zero_retention),
            schedules: self.schedules.clone(),
        }
    }
}

/// A duration that is set.
pub fn duration(value: Option<kube::core::Duration>) -> Option<Duration> {
    value.map(Into::into)
}
