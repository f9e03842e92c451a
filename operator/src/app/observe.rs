//! Everything one app's reconcile looks at, read from the stores at one moment.

use std::net::IpAddr;

use api::{Revision, TodoApp, labels};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Resource, ResourceExt};
use serde_json::Value;

use crate::activators;
use crate::cluster::Stores;
use crate::store::{By, Key};

/// What there is of one app.
pub struct Observed {
    /// Its revisions, oldest first.
    pub revisions: Vec<Revision>,
    /// Its Services and those of its tags.
    services: Vec<Value>,
    /// The EndpointSlices of those.
    slices: Vec<EndpointSlice>,
    /// Activators that take traffic.
    pub activators: Vec<IpAddr>,
    /// Pods wanted and pods ready, over all revisions.
    pub pods: (u32, u32),
}

/// Reads the stores.
pub fn observe(app: &TodoApp, stores: &Stores) -> Observed {
    let uid = app.uid().unwrap_or_default();
    let mut revisions = stores.revisions.by(By::Controller, &uid);
    revisions.sort_by_key(number);
    let deployments = revisions.iter().filter_map(|revision| {
        let key = Key::new(app.namespace()?, revision.name_any());
        stores.deployments.get(&key).filter(|d| d["metadata"]["labels"][labels::APP] == app.name_any())
    });
    let pods = deployments
        .map(|d| {
            let count = |field| d.pointer(field).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
            (count("/spec/replicas").unwrap_or(0), count("/status/readyReplicas").unwrap_or(0))
        })
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Observed {
        revisions,
        services: stores.services.by(By::Controller, &uid),
        slices: stores.slices.by(By::Controller, &uid),
        activators: activators::ready(&stores.activators.all().collect::<Vec<_>>()),
        pods,
    }
}

impl Observed {
    /// Names of the Services.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().filter_map(name)
    }

    /// Names of the EndpointSlices.
    pub fn slices(&self) -> impl Iterator<Item = &str> {
        self.slices.iter().filter_map(|slice| slice.metadata.name.as_deref())
    }

    /// The Service of this name, as JSON.
    pub fn service(&self, wanted: &str) -> Option<Value> {
        self.services.iter().find(|s| name(s) == Some(wanted)).cloned()
    }

    /// The EndpointSlice of this name, as JSON.
    pub fn slice(&self, wanted: &str) -> Option<Value> {
        let found = self.slices.iter().find(|s| s.metadata.name.as_deref() == Some(wanted))?;
        serde_json::to_value(found).ok()
    }
}

fn name(object: &Value) -> Option<&str> {
    object["metadata"]["name"].as_str()
}

/// The revision's number within its app.
pub fn number(revision: &Revision) -> u32 {
    revision.labels().get(labels::NUMBER).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Whether the app with this UID owns the object.
pub fn is_controlled_by(object: &impl Resource, uid: Option<&str>) -> bool {
    uid.is_some() && By::Controller.of(object.meta()) == uid
}
