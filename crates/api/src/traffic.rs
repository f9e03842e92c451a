//! Which revision gets which share of the requests.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One wish of `spec.traffic`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.revision) != (has(self.latest) && self.latest)")
    .message("must name either `revision` or `latest: true`"))]
pub struct TrafficTarget {
    /// Name of a Revision of this app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub revision: Option<String>,
    /// Follow the latest Revision that is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<bool>,
    /// Share of the requests, in percent. All shares together must be 100. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub percent: u32,
    /// A name of its own for this target: host `TAG-NAME.NAMESPACE.DOMAIN` and Service `TAG-NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("must start with a letter and consist of 'a' to 'z', '0' to '9' and '-'"))]
    #[schemars(length(min = 1, max = 20))]
    pub tag: Option<String>,
}

/// One entry of `status.traffic`: what activators route by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoutedTraffic {
    /// Name of the Revision.
    pub revision: String,
    /// Share of the requests, in percent.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub percent: u32,
    /// Tag of this target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Where this target alone is reached, when it has a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Port of the activators that carries the in-cluster traffic of this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_port: Option<u16>,
}
