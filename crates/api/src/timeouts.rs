//! How long a request may take.

use std::time::Duration;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Time limits of a request; part of the Revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.responseStart) || duration(self.responseStart) <= duration(self.request)")
    .message("`responseStart` must not be longer than `request`"))]
pub struct Timeouts {
    /// Longest time from a request's arrival to the end of its answer, as a duration such as `300s`; waiting for a
    /// pod included. A connection that has changed its protocol, such as a WebSocket, is not bound by it. Range 1s to
    /// 24h. Default 300s.
    #[serde(default = "request_default")]
    #[x_kube(validation = crate::duration::within("1s", "24h", "300s"))]
    #[schemars(length(max = 32))]
    pub request: kube::core::Duration,
    /// Longest time from the moment that the app gets a request to the head of its answer, as a duration such as `30s`;
    /// waiting for a pod, or for a place in it, not included. Range 1s to 24h, not longer than `request`. Default as
    /// `request`.
    #[x_kube(validation = crate::duration::within("1s", "24h", "30s"))]
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_start: Option<kube::core::Duration>,
    /// Longest time in which no byte of a request or of its answer moves, as a duration such as `60s`; of a WebSocket no
    /// byte either way. It begins when the app gets the request. 0s is no bound. Range 0s to 24h. Default 0s.
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && (duration(self) == duration('0s') || duration(self) >= duration('1s')) && duration(self) <= duration('24h')")
        .message("must be '0s' or a duration from '1s' to '24h', such as '60s'"))]
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<kube::core::Duration>,
}

impl Timeouts {
    /// Limit of the whole request.
    pub fn request(&self) -> Duration {
        self.request.into()
    }

    /// Limit of the wait for the head of an answer, if it has one of its own.
    pub fn response_start(&self) -> Option<Duration> {
        self.response_start.map(Into::into)
    }

    /// Limit of the time without movement, if there is one.
    pub fn idle(&self) -> Option<Duration> {
        self.idle.map(Duration::from).filter(|idle| !idle.is_zero())
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { request: request_default(), response_start: None, idle: None }
    }
}

fn request_default() -> kube::core::Duration {
    Duration::from_mins(5).into()
}
