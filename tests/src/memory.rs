//! Working sets as the kubelet counts them, which is what `kubectl top` shows.

use anyhow::{Context, Result};
use http::Request;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde::Deserialize;

use crate::Cluster;

/// Bytes of one container.
#[derive(Debug, Clone)]
pub struct WorkingSet {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Working set, in bytes.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Summary {
    pods: Vec<PodStats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStats {
    pod_ref: PodRef,
    #[serde(default)]
    containers: Vec<ContainerStats>,
}

#[derive(Deserialize)]
struct PodRef {
    name: String,
    namespace: String,
}

#[derive(Deserialize)]
struct ContainerStats {
    name: String,
    memory: Option<MemoryStats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemoryStats {
    working_set_bytes: Option<u64>,
}

/// Working sets of all containers of the cluster, from each kubelet's summary; they are up to some ten seconds old.
pub async fn working_sets(cluster: &Cluster) -> Result<Vec<WorkingSet>> {
    let nodes = Api::<Node>::all(cluster.client.clone()).list(&ListParams::default()).await?;
    let mut all = Vec::new();
    for node in nodes {
        let path = format!("/api/v1/nodes/{}/proxy/stats/summary", node.name_any());
        let summary: Summary =
            cluster.client.request(Request::get(path).body(Vec::new())?).await.context("kubelet summary")?;
        all.extend(summary.pods.into_iter().flat_map(of_pod));
    }
    Ok(all)
}

fn of_pod(pod: PodStats) -> impl Iterator<Item = WorkingSet> {
    let PodRef { name, namespace } = pod.pod_ref;
    pod.containers.into_iter().filter_map(move |c| {
        let bytes = c.memory?.working_set_bytes?;
        Some(WorkingSet { namespace: namespace.clone(), pod: name.clone(), container: c.name, bytes })
    })
}

/// The largest working set of a container of this name in this namespace (empty: any), in bytes.
pub fn largest(sets: &[WorkingSet], namespace: &str, container: &str) -> Option<u64> {
    let matching =
        sets.iter().filter(|s| s.container == container && (namespace.is_empty() || s.namespace == namespace));
    matching.map(|s| s.bytes).max()
}
