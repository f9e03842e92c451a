//! The Deployment of a revision. `spec.replicas` is never in it: that field belongs to the autoscaler.

use std::hash::{DefaultHasher, Hash, Hasher};

use api::{Revision, labels};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::ApiResource;
use serde_json::{Value, json};

use super::{metadata, pod, resource_of};
use crate::apply::Desired;
use crate::args::Args;
use crate::error::Error;

/// Kind of what [`plan`] makes.
pub fn resource() -> ApiResource {
    resource_of::<Deployment>()
}

/// The Deployment as it is to be; none while pods of an earlier sidecar run, for an upgrade of the operator restarts
/// nobody: the new sidecar comes when the revision next sleeps.
pub fn plan(revision: &Revision, args: &Args, observed: Option<&Value>) -> Result<Option<Desired>, Error> {
    let template = pod::weave(revision, args)?;
    let sidecar = fingerprint(&template);
    if observed.is_some_and(|d| replicas(d) > 0 && made_with(d).is_some_and(|s| s != sidecar)) {
        return Ok(None);
    }
    let mut metadata = metadata(revision, &revision.name_any())?;
    metadata["annotations"] = json!({ labels::SIDECAR: sidecar });
    let body = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "selector": { "matchLabels": { labels::REVISION_UID: revision.uid().unwrap_or_default() } },
            // Of one revision there is one version only; old ReplicaSets would come from sidecars alone.
            "revisionHistoryLimit": 1,
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": "25%" } },
            "template": template,
        },
    });
    Ok(Some(Desired { resource: resource(), body }))
}

/// `spec.replicas` of an observed Deployment.
pub fn replicas(deployment: &Value) -> u32 {
    let value = deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(0);
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn made_with(deployment: &Value) -> Option<&str> {
    deployment["metadata"]["annotations"][labels::SIDECAR].as_str()
}

/// Changes whenever what this build weaves around the user's template does (the template itself never changes).
fn fingerprint(template: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    template.to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
