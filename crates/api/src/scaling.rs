//! How many pods a revision may have and what moves the number.

use std::time::Duration;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Live settings of the autoscaler: a change takes effect at the next decision and makes no Revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.min <= self.max").message("`min` must not be greater than `max`"))]
pub struct Scaling {
    /// Fewest pods of a revision that gets traffic, in pods; 0 lets it sleep. Range 0 to 1000. Default 0.
    #[schemars(range(min = 0, max = 1000))]
    #[serde(default = "defaults::min")]
    pub min: u32,
    /// Most pods of a revision, in pods. Range 1 to 1000. Default 10.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default = "defaults::max")]
    pub max: u32,
    /// Requests in flight that one pod should carry, in requests. Range 0.01 to 100000. Default 100.
    // The rule says it again: the API server compares an integer literal with the minimum cut to an integer, so 0 passes.
    #[x_kube(validation = Rule::new("self >= 0.01").message("must be at least 0.01"))]
    #[schemars(range(min = 0.01, max = 100_000.0))]
    #[serde(default = "defaults::target")]
    pub target: f64,
    /// Share of `target` at which the next pod is wanted, in percent. Range 1 to 100. Default 70.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "defaults::utilization_percent")]
    pub utilization_percent: u32,
    /// Time over which load is averaged, as a duration such as `60s`. Range 6s to 1h. Default 60s.
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('6s') && duration(self) <= duration('1h')")
        .message("must be a duration from '6s' to '1h', such as '60s'"))]
    #[schemars(length(max = 32))]
    #[serde(default = "defaults::window")]
    pub window: kube::core::Duration,
    /// Time without a request, after `window` ran empty, before the last pod goes, as a duration such as `30s`.
    /// Range 0s to 24h. Default 30s.
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) <= duration('24h')")
        .message("must be a duration from '0s' to '24h', such as '30s'"))]
    #[schemars(length(max = 32))]
    #[serde(default = "defaults::zero_grace")]
    pub zero_grace: kube::core::Duration,
}

impl Scaling {
    /// Averaging time.
    pub fn window(&self) -> Duration {
        self.window.into()
    }

    /// Wait before zero.
    pub fn zero_grace(&self) -> Duration {
        self.zero_grace.into()
    }
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            min: defaults::min(),
            max: defaults::max(),
            target: defaults::target(),
            utilization_percent: defaults::utilization_percent(),
            window: defaults::window(),
            zero_grace: defaults::zero_grace(),
        }
    }
}

/// Knative's defaults, but for `max`: unlimited there.
mod defaults {
    use std::time::Duration;

    pub(super) fn min() -> u32 {
        0
    }
    pub(super) fn max() -> u32 {
        10
    }
    pub(super) fn target() -> f64 {
        100.0
    }
    pub(super) fn utilization_percent() -> u32 {
        70
    }
    pub(super) fn window() -> kube::core::Duration {
        Duration::from_mins(1).into()
    }
    pub(super) fn zero_grace() -> kube::core::Duration {
        Duration::from_secs(30).into()
    }
}
