//! The headless Service of a revision: it makes the EndpointSlices, and lets people look at one version directly.

use api::{Revision, labels};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use serde_json::json;

use super::{metadata, resource_of};
use crate::apply::Desired;
use crate::error::Error;

/// The Service as it is to be.
pub fn plan(revision: &Revision) -> Result<Desired, Error> {
    let name = revision.name_any();
    let protocol = if revision.spec.template.app_port().h2c { "kubernetes.io/h2c" } else { "http" };
    let body = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(revision, &name)?,
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "selector": { labels::REVISION_UID: revision.uid().unwrap_or_default() },
            "ports": [{
                "name": "http", "port": labels::SIDECAR_PORT, "targetPort": labels::SIDECAR_PORT,
                "protocol": "TCP", "appProtocol": protocol,
            }],
        },
    });
    Ok(Desired { resource: resource_of::<Service>(), body })
}
