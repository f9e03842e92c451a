//! When a pod has served its time.

use std::time::Duration;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A pod that reached one of these is replaced; part of the Revision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.requests) || has(self.age)").message("`requests` or `age` must be given"))]
pub struct RecycleAfter {
    /// Requests that one pod serves, in requests; 1: each request has a process of its own. Range 1 to 1000000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests: Option<u32>,
    /// Age of a pod from its first readiness, as a duration such as `24h`; a tenth more or less, so that pods that
    /// started together do not go together. Range 10s to 720h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = crate::duration::within("10s", "720h", "24h"))]
    #[schemars(length(max = 32))]
    pub age: Option<kube::core::Duration>,
}

impl RecycleAfter {
    /// Age of a pod.
    pub fn age(&self) -> Option<Duration> {
        self.age.map(Into::into)
    }
}
