//! Everything one app's reconcile looks at, read from the stores at one moment.

use std::net::IpAddr;
use std::sync::Arc;

use api::{Revision, TodoApp, labels};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Resource, ResourceExt};
use serde_json::Value;

use crate::activators;
use crate::compact::Compact;
use crate::context::Context;

/// What there is of one app.
pub struct Observed {
    /// Its revisions, oldest first.
    pub revisions: Vec<Arc<Revision>>,
    /// Its Services and those of its tags.
    pub services: Vec<Arc<Compact<Service>>>,
    /// The EndpointSlices of those.
    pub slices: Vec<Arc<EndpointSlice>>,
    /// Activators that take traffic.
    pub activators: Vec<IpAddr>,
    /// Pods wanted and pods ready, over all revisions.
    pub pods: (u32, u32),
}

/// Reads the stores.
pub fn observe(app: &TodoApp, context: &Context) -> Observed {
    let stores = &context.stores;
    let uid = app.uid();
    let mut revisions = stores.revisions.state();
    revisions.retain(|r| is_controlled_by(r.as_ref(), uid.as_deref()));
    revisions.sort_by_key(|r| number(r));
    let mut services = stores.services.state();
    services.retain(|s| is_controlled_by(s.as_ref(), uid.as_deref()));
    let mut slices = stores.slices.state();
    slices.retain(|s| is_controlled_by(s.as_ref(), uid.as_deref()));
    let pods = stores
        .deployments
        .state()
        .iter()
        .filter(|d| d.namespace() == app.namespace() && d.labels().get(labels::APP) == Some(&app.name_any()))
        .map(|d| {
            let d = d.json();
            let count = |field| d.pointer(field).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
            (count("/spec/replicas").unwrap_or(0), count("/status/readyReplicas").unwrap_or(0))
        })
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Observed { revisions, services, slices, activators: activators::ready(&stores.activators.state()), pods }
}

impl Observed {
    /// The Service of this name, as JSON.
    pub fn service(&self, name: &str) -> Option<Value> {
        self.services.iter().find(|s| s.name_any() == name).map(|s| s.json())
    }

    /// The EndpointSlice of this name, as JSON.
    pub fn slice(&self, name: &str) -> Option<Value> {
        let found = self.slices.iter().find(|s| s.name_any() == name)?;
        serde_json::to_value(found.as_ref()).ok()
    }
}

/// The revision's number within its app.
pub fn number(revision: &Revision) -> u32 {
    revision.labels().get(labels::NUMBER).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Whether the app with this UID owns the object.
pub fn is_controlled_by(object: &impl Resource, uid: Option<&str>) -> bool {
    let controlled = |o: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference| o.controller == Some(true);
    object.owner_references().iter().find(controlled).is_some_and(|o| Some(o.uid.as_str()) == uid)
}
