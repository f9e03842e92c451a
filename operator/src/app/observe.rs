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
    /// Pods of each revision, in the same order.
    pods: Vec<Pods>,
}

/// Pods of a revision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pods {
    /// Wanted.
    pub wanted: u32,
    /// Ready.
    pub ready: u32,
}

/// Reads the stores.
pub fn observe(app: &TodoApp, stores: &Stores) -> Observed {
    let uid = app.uid().unwrap_or_default();
    let mut revisions = stores.revisions.by(By::Controller, &uid);
    revisions.sort_by_key(number);
    let pods = revisions.iter().map(|revision| {
        let key = Key::new(app.namespace().unwrap_or_default(), revision.name_any());
        let own = stores.deployments.get(&key).filter(|d| d["metadata"]["labels"][labels::APP] == app.name_any());
        own.map_or_else(Pods::default, |deployment| pods(&deployment))
    });
    let pods = pods.collect();
    Observed {
        revisions,
        services: stores.services.by(By::Controller, &uid),
        slices: stores.slices.by(By::Controller, &uid),
        activators: activators::ready(&stores.activators.all().collect::<Vec<_>>()),
        pods,
    }
}

impl Observed {
    /// A revision that was made just now: the newest, without pods.
    pub fn add(&mut self, revision: Revision) {
        self.revisions.push(revision);
        self.pods.push(Pods::default());
    }

    /// Pods of the revision of this name.
    pub fn pods_of(&self, revision: &str) -> Pods {
        let own = self.revisions.iter().zip(&self.pods).find(|(r, _)| r.name_any() == revision);
        own.map_or_else(Pods::default, |(_, pods)| *pods)
    }

    /// Pods of all revisions together.
    pub fn pods(&self) -> Pods {
        let add = |sum: Pods, one: &Pods| Pods { wanted: sum.wanted + one.wanted, ready: sum.ready + one.ready };
        self.pods.iter().fold(Pods::default(), add)
    }

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

fn pods(deployment: &Value) -> Pods {
    let count = |field| deployment.pointer(field).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    Pods { wanted: count("/spec/replicas").unwrap_or(0), ready: count("/status/readyReplicas").unwrap_or(0) }
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
