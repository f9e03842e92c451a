//! The one object a user writes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Ingress, Initializer, RecycleAfter, Rollout, RolloutStatus, RoutedTraffic, Scaling, Template, Timeouts,
    TrafficTarget,
};

/// An HTTP service that costs nothing while nobody uses it and wakes at the first request.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "todoapp.dev",
    version = "v1alpha1",
    kind = "TodoApp",
    plural = "todoapps",
    shortname = "tapp",
    category = "all",
    namespaced,
    status = "TodoAppStatus",
    derive = "PartialEq",
    doc = "An HTTP service that costs nothing while nobody uses it and wakes at the first request.",
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.latestReadyRevision"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.replicas"),
    printcolumn(name = "Activity", type_ = "string", json_path = ".status.activity"),
    printcolumn(name = "Traffic", type_ = "string", json_path = ".status.trafficSummary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 50 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("`metadata.name` must be at most 50 characters, start with a letter and consist of 'a' to 'z', '0' to '9' and '-', because it becomes a host name"),
    validation = Rule::new("!has(self.spec.template.metadata) || !has(self.spec.template.metadata.name) || self.spec.template.metadata.name.startsWith(self.metadata.name + '-')")
        .message("`spec.template.metadata.name` must begin with the app's name and '-', such as 'NAME-v2'"),
    validation = Rule::new("!has(self.spec.traffic) || self.spec.traffic.all(t, !has(t.tag) || (t.tag + '-' + self.metadata.name).size() <= 63)")
        .message("`spec.traffic[].tag` and the app's name must together be at most 62 characters, because they become a host name"),
)]
#[serde(rename_all = "camelCase")]
pub struct TodoAppSpec {
    /// The pod to run, an ordinary pod template. A change here makes a new Revision. Give `metadata.name` to name it
    /// (`NAME-…`); otherwise Revisions are named NAME-00001, NAME-00002, ….
    pub template: Template,
    /// Requests that one pod may work on at the same time, in requests; further ones wait. 0: no limit. Range 0 to
    /// 1000. Part of the Revision. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub concurrency_limit: u32,
    /// Time limits of a request. Part of the Revision.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// A POST to the app, once in each pod when it answers and before it takes requests. Part of the Revision. Default
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initializer: Option<Initializer>,
    /// When a pod has served its time and another one takes its place. Part of the Revision. Default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recycle_after: Option<RecycleAfter>,
    /// How many pods there may be and what moves the number. Live: a change makes no Revision.
    #[serde(default)]
    pub scaling: Scaling,
    /// Which Revision gets which share of the requests. Default: all to the latest Revision that is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.size() == 0 || self.map(t, t.percent).sum() == 100")
        .message("the `percent` of all targets together must be 100"))]
    #[x_kube(validation = Rule::new("self.all(t, !has(t.tag) || self.exists_one(u, has(u.tag) && u.tag == t.tag))")
        .message("each `tag` must be given once"))]
    pub traffic: Vec<TrafficTarget>,
    /// How a new Revision takes over from the one that serves.
    #[serde(default)]
    pub rollout: Rollout,
    /// Who may reach the app, and by which names.
    #[serde(default)]
    pub ingress: Ingress,
}

/// What was made of it.
// Without a status, whoever waits for one (kstatus: Helm, Argo CD, Flux) takes a new object for one that is settled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct TodoAppStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, RevisionReady, Routed and Promoted; Reconciling and Stalled only while true. An app at zero is Ready=True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Where the app is reached from outside the cluster; absent when its visibility is `Cluster`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the app is reached inside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Port of the activators that carries the app's in-cluster traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_port: Option<u16>,
    /// The Revision made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_created_revision: Option<String>,
    /// The newest Revision that was ready once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_ready_revision: Option<String>,
    /// The split as resolved; what activators route by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<RoutedTraffic>,
    /// The split in one line, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_summary: Option<String>,
    /// Where the release of the latest Revision stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// Idle: no pod and none wanted. Waking: wanted, none ready. Serving: at least one pod is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// Pods that are ready, over all Revisions, in pods.
    #[serde(default)]
    pub replicas: u32,
}

/// Where an app is reached inside the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// `http://NAME.NAMESPACE.svc.CLUSTERDOMAIN`.
    pub url: String,
}

/// What an app is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Activity {
    /// No pod, none wanted.
    Idle,
    /// Pods wanted, none ready.
    Waking,
    /// At least one pod is ready.
    Serving,
}
