//! Who may reach an app, and by which names.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an app is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Ingress {
    /// `Public`: through the activator's public port by host name, and inside the cluster. `Cluster`: inside the
    /// cluster only. Default `Public`.
    #[serde(default)]
    pub visibility: Visibility,
    /// Further public host names, besides the generated one (`NAME.NAMESPACE.DOMAIN`, unless the cluster's settings say
    /// otherwise). At most 16, lower case, no port. One that an older app has stays with that app, as generated ones do.
    #[schemars(length(max = 16), inner(length(max = 253)))]
    #[x_kube(validation = Rule::new("self.all(h, h.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$'))")
        .message("must be DNS names in lower case without port, such as 'shop.example.com'"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// From where an app may be called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Visibility {
    /// From everywhere.
    #[default]
    Public,
    /// From inside the cluster.
    Cluster,
}
