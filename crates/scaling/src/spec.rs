//! What a user may set: Knative's knobs with its defaults and ranges (config-autoscaler and the annotations).

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::limits::{
    BURST_THRESHOLD_PERCENT, BURST_WINDOW_PERCENT, DELAY_MAX, DOWN_RATE, GRACE_MAX, TARGET, UP_RATE, UTILIZATION,
    WINDOW_S,
};

/// What load is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Metric {
    /// Requests at a time.
    #[default]
    Concurrency,
    /// Requests per second.
    RequestRate,
    /// CPU in use, percent of what is requested.
    Cpu,
    /// Memory in use, percent of what is requested.
    Memory,
}

impl Metric {
    /// The target of a pod if the user names none.
    pub fn default_target(self) -> f64 {
        match self {
            Self::Concurrency => 100.0,
            Self::RequestRate => 200.0,
            Self::Cpu | Self::Memory => 80.0,
        }
    }

    /// As users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "Concurrency",
            Self::RequestRate => "RequestRate",
            Self::Cpu => "CPU",
            Self::Memory => "Memory",
        }
    }

    /// Whether it is of what pods use ([`crate::Usage`]), and not of requests.
    pub fn is_resource(self) -> bool {
        matches!(self, Self::Cpu | Self::Memory)
    }
}

/// How a window becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Aggregation {
    /// Every second counts alike.
    #[default]
    Linear,
    /// The newest second counts most, each one before it less.
    WeightedExponential,
}

/// How one revision may scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// Fewest pods while the revision is routed. Where the metric is a resource one stays in any case, but for a start that
    /// failed.
    pub min: u32,
    /// Most pods; 0 means no limit.
    pub max: u32,
    /// What load is measured in.
    pub metric: Metric,
    /// How a window becomes a number.
    pub aggregation: Aggregation,
    /// Load that one pod may have, in the metric's unit.
    pub target: f64,
    /// The part of `target` to aim at, above 0 and at most 1.
    pub utilization: f64,
    /// Length of the stable window, seconds.
    pub window_s: u32,
    /// Length of the burst window in percent of the stable one.
    pub burst_window_percent: f64,
    /// A burst begins when the burst window asks for this many percent of the ready pods.
    pub burst_threshold_percent: f64,
    /// At most this many times the ready pods at once.
    pub up_rate: f64,
    /// At least the ready pods divided by this at once, while traffic is routed there.
    pub down_rate: f64,
    /// Fewest pods while there is load; 0 and 1 say nothing.
    pub activation: u32,
    /// Pods of a revision that was never ready.
    pub initial: u32,
    /// For how long less must be wanted before it is done, while traffic is routed there.
    pub scale_down_delay: Duration,
    /// How long the load must have been zero, after it was zero for a whole window, before the last pod goes.
    pub zero_grace: Duration,
    /// The same again for a user who wants it longer, while traffic is routed there; the longer one holds.
    pub zero_retention: Duration,
    /// How long a start is left alone before the ordinary rules judge it.
    pub progress_deadline: Duration,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            min: 0,
            max: 10,
            metric: Metric::Concurrency,
            aggregation: Aggregation::Linear,
            target: Metric::Concurrency.default_target(),
            utilization: 0.7,
            window_s: 60,
            burst_window_percent: 10.0,
            burst_threshold_percent: 200.0,
            up_rate: 1000.0,
            down_rate: 2.0,
            activation: 0,
            initial: 1,
            scale_down_delay: Duration::ZERO,
            zero_grace: Duration::from_secs(30),
            zero_retention: Duration::ZERO,
            progress_deadline: Duration::from_mins(10),
        }
    }
}

impl Spec {
    /// The defaults of `metric`: those of a resource are the HorizontalPodAutoscaler's.
    pub fn of(metric: Metric) -> Self {
        let spec = Self { metric, target: metric.default_target(), ..Self::default() };
        if metric.is_resource() {
            let scale_down_delay = Duration::from_mins(5);
            return Self { utilization: 1.0, up_rate: 2.0, scale_down_delay, ..spec };
        }
        spec
    }

    /// Every number within its range, and what is no number at its default. The CRD's rules refuse the rest
    /// already; here they keep a decision sane whatever was stored.
    #[must_use]
    pub fn clamped(self) -> Self {
        let default = Self::of(self.metric);
        Self {
            target: within(self.target, TARGET, default.target),
            utilization: within(self.utilization, UTILIZATION, default.utilization),
            window_s: self.window_s.clamp(*WINDOW_S.start(), *WINDOW_S.end()),
            burst_window_percent: within(self.burst_window_percent, BURST_WINDOW_PERCENT, default.burst_window_percent),
            burst_threshold_percent: within(
                self.burst_threshold_percent,
                BURST_THRESHOLD_PERCENT,
                default.burst_threshold_percent,
            ),
            up_rate: within(self.up_rate, UP_RATE, default.up_rate),
            down_rate: within(self.down_rate, DOWN_RATE, default.down_rate),
            scale_down_delay: self.scale_down_delay.min(DELAY_MAX),
            zero_grace: self.zero_grace.min(GRACE_MAX),
            zero_retention: self.zero_retention.min(DELAY_MAX),
            ..self
        }
    }

    /// Load to aim at in one pod.
    pub fn per_pod(&self) -> f64 {
        (self.target * self.utilization).max(*TARGET.start())
    }

    /// Length of the stable window.
    pub fn stable_window(&self) -> Duration {
        Duration::from_secs(u64::from(self.window_s))
    }

    /// Length of the burst window in whole seconds, at least one; half a second is rounded up.
    pub fn burst_window_s(&self) -> u32 {
        let nanos = self.stable_window().as_nanos() as f64 * self.burst_window_percent / 100.0;
        Duration::from_nanos_u128(nanos as u128 + 500_000_000).as_secs().max(1) as u32
    }

    /// How many times the ready pods the burst window must ask for.
    pub fn burst_threshold(&self) -> f64 {
        self.burst_threshold_percent / 100.0
    }
}

fn within(value: f64, range: RangeInclusive<f64>, default: f64) -> f64 {
    if value.is_nan() { default } else { value.clamp(*range.start(), *range.end()) }
}

#[cfg(test)]
mod tests;
