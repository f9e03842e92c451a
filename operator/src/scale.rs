//! The one write on the way of a waking request: a PATCH of a Deployment's scale.

use anyhow::Context as _;
use api::labels::AUTOSCALER;
use futures_util::future::BoxFuture;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use crate::autoscaler::ScaleWriter;

/// Writes through the API server.
pub struct ClusterScale(pub kube::Client);

impl ScaleWriter for ClusterScale {
    fn scale<'a>(&'a self, namespace: &'a str, name: &'a str, replicas: u32) -> BoxFuture<'a, anyhow::Result<()>> {
        let api: Api<Deployment> = Api::namespaced(self.0.clone(), namespace);
        let params = PatchParams { field_manager: Some(AUTOSCALER.to_owned()), ..PatchParams::default() };
        let body = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        Box::pin(async move {
            api.patch_scale(name, &params, &body)
                .await
                .with_context(|| format!("scale Deployment {namespace}/{name} to {replicas}"))?;
            Ok(())
        })
    }
}
