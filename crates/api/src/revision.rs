//! One immutable version of an app.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Initializer, RecycleAfter, Template, Timeouts};

/// One version of a `TodoApp`; made by the operator, never changed.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "todoapp.dev",
    version = "v1alpha1",
    kind = "Revision",
    plural = "revisions",
    shortname = "trev",
    namespaced,
    status = "RevisionStatus",
    derive = "PartialEq",
    doc = "One version of a TodoApp; made by the operator, never changed.",
    printcolumn(name = "App", type_ = "string", json_path = ".metadata.labels.todoapp\\.dev/app"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.replicas"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.spec == oldSelf.spec").message("`spec` must not be changed: a Revision is immutable, change the TodoApp's template instead"),
)]
#[serde(rename_all = "camelCase")]
pub struct RevisionSpec {
    /// The pod to run, as the app gave it.
    pub template: Template,
    /// Requests that one pod may work on at the same time, in requests. 0: no limit.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub concurrency_limit: u32,
    /// Time limits of a request.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// What each pod is asked to do before it takes requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initializer: Option<Initializer>,
    /// When a pod has served its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recycle_after: Option<RecycleAfter>,
}

/// How this version fares.
// As that of an app, never without a generation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct RevisionStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: a pod of this version was ready once and nothing fails now; stays True while it sleeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// True from the first time that a pod was ready.
    #[serde(default)]
    pub was_ready: bool,
    /// Images by digest, as they were resolved once; what pods of this Revision run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ResolvedImage>,
    /// Since when it has not been in use; absent while its app's traffic or release names it, or it is the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrouted_since: Option<Time>,
    /// Pods wanted now, in pods.
    #[serde(default)]
    pub desired: u32,
    /// Pods ready now, in pods.
    #[serde(default)]
    pub replicas: u32,
}

/// A container's image, resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedImage {
    /// Name of the container.
    pub container: String,
    /// The image as `NAME@sha256:…`.
    pub image: String,
}
