//! A request that each pod gets before any other.

use std::time::Duration;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A POST to the app, once in each pod when it answers and before it takes requests; part of the Revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Initializer {
    /// Path and query of the request. Default /initialize.
    #[serde(default = "path_default")]
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new("self.matches('^/[!-~]*$') && !self.contains('#')")
        .message("must begin with '/' and have no spaces, such as '/initialize'"))]
    pub path: String,
    /// Longest time to the end of its answer, as a duration such as `30s`. Range 1s to 10m. Default 30s.
    #[serde(default = "timeout_default")]
    #[x_kube(validation = crate::duration::within("1s", "10m", "30s"))]
    #[schemars(length(max = 32))]
    pub timeout: kube::core::Duration,
}

impl Initializer {
    /// Longest time to the end of the answer.
    pub fn timeout(&self) -> Duration {
        self.timeout.into()
    }
}

impl Default for Initializer {
    fn default() -> Self {
        Self { path: path_default(), timeout: timeout_default() }
    }
}

fn path_default() -> String {
    "/initialize".to_owned()
}

fn timeout_default() -> kube::core::Duration {
    Duration::from_secs(30).into()
}
