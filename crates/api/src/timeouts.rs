//! How long a request may take.

use std::time::Duration;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Time limits of a request; part of the Revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// Longest time from a request's arrival to the end of its answer, as a duration such as `300s`; waiting for a
    /// pod included. Range 1s to 24h. Default 300s.
    #[serde(default = "request_default")]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')")
        .message("must be a duration from '1s' to '24h', such as '300s'"))]
    #[schemars(length(max = 32))]
    pub request: kube::core::Duration,
}

impl Timeouts {
    /// Limit of the whole request.
    pub fn request(&self) -> Duration {
        self.request.into()
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { request: request_default() }
    }
}

fn request_default() -> kube::core::Duration {
    Duration::from_mins(5).into()
}
