//! The writes of the autoscaler: a PATCH of a Deployment's scale, the only one on the way of a waiting request, before a
//! scale-in the deletion costs of pods, and the end of pods that have served their time.

use anyhow::Context as _;
use api::labels::AUTOSCALER;
use futures_util::future::BoxFuture;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::json;

use crate::autoscaler::{Candidate, Mark, ScaleWriter};
use crate::pod_status::{is_active, is_ready};
use crate::store::{By, Store};

/// Annotation: of the ready pods of a ReplicaSet, those with the lower cost are removed first (KEP-2255).
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Writes through the API server.
pub struct ClusterScale {
    /// The API server.
    pub client: kube::Client,
    /// Pods of revisions.
    pub pods: Store<Pod>,
}

impl ScaleWriter for ClusterScale {
    fn pods(&self, uid: &str) -> Vec<Candidate> {
        self.pods.by(By::Revision, uid).iter().filter_map(candidate).collect()
    }

    fn mark<'a>(&'a self, namespace: &'a str, mark: &'a Mark) -> BoxFuture<'a, anyhow::Result<()>> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let cost = mark.cost.map(|cost| cost.to_string());
        let body = Patch::Merge(json!({ "metadata": { "annotations": { COST: cost } } }));
        Box::pin(async move {
            api.patch_metadata(&mark.pod, &params(), &body).await?;
            Ok(())
        })
    }

    fn delete<'a>(&'a self, uid: &'a str, pod: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
        let known =
            self.pods.by(By::Revision, uid).into_iter().find(|known| known.name_any() == pod && is_active(known));
        Box::pin(async move {
            let Some(known) = known else { return Ok(()) };
            let api: Api<Pod> = Api::namespaced(self.client.clone(), &known.namespace().unwrap_or_default());
            // Not another one that has taken its name meanwhile.
            let preconditions = Preconditions { uid: known.uid(), resource_version: None };
            let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            api.delete(pod, &params).await.with_context(|| format!("delete Pod {pod}"))?;
            tracing::info!(pod, "has served its time and is replaced");
            Ok(())
        })
    }

    fn scale<'a>(&'a self, namespace: &'a str, name: &'a str, replicas: u32) -> BoxFuture<'a, anyhow::Result<()>> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), namespace);
        let body = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        Box::pin(async move {
            api.patch_scale(name, &params(), &body)
                .await
                .with_context(|| format!("scale Deployment {namespace}/{name} to {replicas}"))?;
            Ok(())
        })
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(AUTOSCALER.to_owned()), ..PatchParams::default() }
}

/// None of a pod that has ended or is told to: the ReplicaSet controller does not count it.
fn candidate(pod: &Pod) -> Option<Candidate> {
    is_active(pod).then(|| Candidate {
        name: pod.name_any(),
        ready: is_ready(pod),
        cost: pod.annotations().get(COST).and_then(|cost| cost.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(metadata: Value, phase: &str, ready: &str) -> Option<Candidate> {
        let status = json!({ "phase": phase, "conditions": [
            { "type": "PodScheduled", "status": "True" }, { "type": "Ready", "status": ready }] });
        candidate(&serde_json::from_value(json!({ "metadata": metadata, "status": status })).expect("a pod"))
    }

    #[test]
    fn pods_that_the_controller_counts_are_candidates_with_what_it_goes_by() {
        let marked = json!({ "name": "p", "annotations": { COST: "-2147483648" } });
        let expected = |ready, cost| Some(Candidate { name: "p".into(), ready, cost });
        assert_eq!(read(marked.clone(), "Running", "True"), expected(true, Some(i32::MIN)));
        assert_eq!(read(json!({ "name": "p" }), "Pending", "False"), expected(false, None));
        assert_eq!(
            read(json!({ "name": "p", "annotations": { COST: "much" } }), "Running", "True"),
            expected(true, None)
        );
        assert_eq!(read(marked.clone(), "Failed", "False"), None);
        assert_eq!(read(marked, "Succeeded", "False"), None);
        let ending = json!({ "name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z" });
        assert_eq!(read(ending, "Running", "True"), None);
    }
}
