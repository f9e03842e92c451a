//! The objects as they are read from the API server: nothing is decoded but what `facts` asks for.
//!
//! A whole object is mostly `managedFields` and pod template; a list of them would be the largest thing that this
//! process ever has in memory.

use api::{
    Ingress, Revision, RoutedTraffic, Template, Timeouts, TodoApp,
    rollout::{Phase, Stickiness},
};
use k8s_openapi::{
    api::discovery::v1::{EndpointConditions, EndpointSlice},
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time},
};
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

/// A `TodoApp`.
#[derive(Debug, Clone, Deserialize, Resource)]
#[resource(inherit = TodoApp)]
pub(crate) struct LeanApp {
    #[serde(deserialize_with = "meta")]
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: LeanAppSpec,
    pub(crate) status: Option<LeanAppStatus>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LeanAppSpec {
    #[serde(default)]
    pub(crate) ingress: Ingress,
    #[serde(default)]
    pub(crate) rollout: LeanRelease,
}

/// How a release is to be.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct LeanRelease {
    pub(crate) stickiness: Option<Stickiness>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeanAppStatus {
    pub(crate) observed_generation: Option<i64>,
    #[serde(default)]
    pub(crate) conditions: Vec<Condition>,
    pub(crate) url: Option<String>,
    pub(crate) cluster_port: Option<u16>,
    #[serde(default)]
    pub(crate) traffic: Vec<RoutedTraffic>,
    #[serde(default)]
    pub(crate) rollout: LeanRollout,
}

/// Where a release stands.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct LeanRollout {
    pub(crate) stable: Option<String>,
    pub(crate) candidate: Option<String>,
    pub(crate) phase: Option<Phase>,
}

/// A `Revision`.
#[derive(Debug, Clone, Deserialize, Resource)]
#[resource(inherit = Revision)]
pub(crate) struct LeanRevision {
    #[serde(deserialize_with = "meta")]
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: LeanRevisionSpec,
    pub(crate) status: Option<LeanRevisionStatus>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeanRevisionSpec {
    /// The template with nothing in it but its containers' ports.
    #[serde(deserialize_with = "ports_only")]
    pub(crate) template: Template,
    #[serde(default)]
    pub(crate) concurrency_limit: u32,
    #[serde(default)]
    pub(crate) timeouts: Timeouts,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LeanRevisionStatus {
    #[serde(default)]
    pub(crate) conditions: Vec<Condition>,
}

/// An `EndpointSlice`.
#[derive(Debug, Clone, Deserialize, Resource)]
#[resource(inherit = EndpointSlice)]
pub(crate) struct LeanSlice {
    #[serde(deserialize_with = "meta")]
    pub(crate) metadata: ObjectMeta,
    /// The API server writes an empty list as null.
    pub(crate) endpoints: Option<Vec<LeanEndpoint>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LeanEndpoint {
    pub(crate) addresses: Vec<String>,
    pub(crate) conditions: Option<EndpointConditions>,
}

/// Metadata without annotations and managed fields.
pub(crate) fn meta<'de, D: Deserializer<'de>>(source: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct LeanMeta {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        generation: Option<i64>,
        resource_version: Option<String>,
        creation_timestamp: Option<Time>,
        labels: Option<std::collections::BTreeMap<String, String>>,
    }
    let lean = LeanMeta::deserialize(source)?;
    Ok(ObjectMeta {
        name: lean.name,
        namespace: lean.namespace,
        uid: lean.uid,
        generation: lean.generation,
        resource_version: lean.resource_version,
        creation_timestamp: lean.creation_timestamp,
        labels: lean.labels,
        ..ObjectMeta::default()
    })
}

/// What the port is and how it speaks is `api`'s to say; it needs no more than this of the template.
fn ports_only<'de, D: Deserializer<'de>>(source: D) -> Result<Template, D::Error> {
    #[derive(Deserialize)]
    struct LeanTemplate {
        spec: LeanPod,
    }
    #[derive(Deserialize)]
    struct LeanPod {
        containers: Vec<LeanContainer>,
    }
    #[derive(Deserialize)]
    struct LeanContainer {
        #[serde(default)]
        ports: Value,
    }
    let lean = LeanTemplate::deserialize(source)?;
    let containers: Value =
        lean.spec.containers.into_iter().map(|container| json!({"ports": container.ports})).collect();
    Ok(Map::from_iter([("spec".to_owned(), json!({"containers": containers}))]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_is_not_kept() {
        let revision: LeanRevision = serde_json::from_value(json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
            "metadata": {"name": "r", "managedFields": [{"manager": "m"}], "annotations": {"a": "b"}},
            "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [
                {"image": "side"},
                {"image": "app", "env": [{"name": "A"}], "ports": [{"containerPort": 3002, "name": "h2c"}]},
            ]}}},
        }))
        .unwrap();
        assert_eq!(revision.metadata, ObjectMeta { name: Some("r".to_owned()), ..ObjectMeta::default() });
        let port = revision.spec.template.app_port();
        assert_eq!((port.number, port.h2c), (3002, true));
        let text = serde_json::to_string(&revision.spec.template).unwrap();
        assert!(!text.contains("env") && !text.contains("image"), "{text}");
    }

    #[test]
    fn a_slice_without_pods() {
        let slice: LeanSlice = serde_json::from_value(json!({"metadata": {}, "endpoints": null})).unwrap();
        assert!(slice.endpoints.is_none());
    }
}
