//! Who knows what pods use: metrics.k8s.io, which metrics-server serves.

use std::collections::HashMap;

use anyhow::Context as _;
use api::labels;
use futures_util::future::BoxFuture;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;

use super::pods::PodMetrics;

/// Measurements of pods by their names.
pub type Measured = HashMap<String, PodMetrics>;

/// Why there are no measurements.
#[derive(Debug)]
pub enum Failure {
    /// Nobody answers, whatever the question.
    Outage(anyhow::Error),
    /// This question is refused, or its answer cannot be read: others may be answered.
    Refused(anyhow::Error),
}

/// Knows what pods use.
pub trait Source: Send + Sync {
    /// Measurements of the pods of the revision with this UID.
    fn measured<'a>(&'a self, namespace: &'a str, uid: &'a str) -> BoxFuture<'a, Result<Measured, Failure>>;
}

/// Asks metrics.k8s.io.
pub struct MetricsApi(pub kube::Client);

impl Source for MetricsApi {
    fn measured<'a>(&'a self, namespace: &'a str, uid: &'a str) -> BoxFuture<'a, Result<Measured, Failure>> {
        let kind = GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", "PodMetrics");
        let resource = ApiResource::from_gvk_with_plural(&kind, "pods");
        let api: Api<DynamicObject> = Api::namespaced_with(self.0.clone(), namespace, &resource);
        Box::pin(async move {
            let of_revision = ListParams::default().labels(&format!("{}={uid}", labels::REVISION_UID));
            let listed = api.list(&of_revision).await?;
            let read = |pod: DynamicObject| {
                let name = pod.name_any();
                let metrics = serde_json::from_value(pod.data).with_context(|| format!("PodMetrics {name}"))?;
                Ok((name, metrics))
            };
            listed.items.into_iter().map(read).collect::<anyhow::Result<_>>().map_err(Failure::Refused)
        })
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match &error {
            // Not served (a list of nothing is no 404), nobody behind it, or more was asked than it can bear.
            kube::Error::Api(status) if matches!(status.code, 404 | 429 | 503 | 504) => Self::Outage(error.into()),
            kube::Error::Api(_) | kube::Error::SerdeError(_) => Self::Refused(error.into()),
            _ => Self::Outage(error.into()),
        }
    }
}
