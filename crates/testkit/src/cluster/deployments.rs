//! The Deployment controller, with the ReplicaSet controller in it: a Deployment's pods are its own.

mod plan;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::follow::{DEPLOYMENT, POD};
use crate::api_server::{Local, Selector};
use plan::{PodView, Rollout};

/// Pause after a refused write.
const RETRY: Duration = Duration::from_secs(1);

/// Brings pods and status of all Deployments one step further.
pub fn step(local: &Local) -> Option<Duration> {
    let mut pods: BTreeMap<String, Vec<Arc<Value>>> = BTreeMap::new();
    for pod in local.list(POD, "", &Selector::default()) {
        let owner = super::controller_uid(&pod);
        pods.entry(owner.to_owned()).or_default().push(pod);
    }
    let one = |deployment: Arc<Value>| {
        let uid = deployment["metadata"]["uid"].as_str().unwrap_or_default();
        reconcile(local, &deployment, pods.get(uid).map_or(&[], Vec::as_slice))
    };
    local.list(DEPLOYMENT, "", &Selector::default()).into_iter().filter_map(one).min()
}

fn reconcile(local: &Local, deployment: &Arc<Value>, pods: &[Arc<Value>]) -> Option<Duration> {
    if deployment["metadata"].get("deletionTimestamp").is_some() {
        return None;
    }
    let now = local.clock().now();
    let hash = template_hash(deployment);
    let views: Vec<_> = pods.iter().map(|pod| PodView::of(pod, &hash)).collect();
    let steps = plan::plan(&Rollout::of(deployment), &views, now);
    let mut refused = None;
    for _ in 0..steps.create {
        if let Err(refusal) = local.create(pod(deployment, &hash)) {
            refused = Some(refusal);
            break;
        }
    }
    for victim in steps.delete {
        // One that went meanwhile is gone all the same.
        let _ = local.delete(&pods[victim], json!({}));
    }
    let told = status::write(local, deployment, &views, refused.as_ref());
    refused.map(|_| RETRY).into_iter().chain(told).min()
}

/// Name of one version of the template: its hash.
fn template_hash(deployment: &Value) -> String {
    format!("{:08x}", crate::seed::hash(&deployment["spec"]["template"].to_string()) as u32)
}

fn pod(deployment: &Value, hash: &str) -> Value {
    let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
    let template = &deployment["spec"]["template"];
    let mut metadata = template["metadata"].clone();
    metadata["generateName"] = format!("{name}-{hash}-").into();
    metadata["namespace"] = deployment["metadata"]["namespace"].clone();
    metadata["labels"]["pod-template-hash"] = hash.into();
    metadata["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": deployment["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    }]);
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] })
}
