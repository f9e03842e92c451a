//! The routing snapshot: hosts and ports to apps, apps to live revisions. Immutable; a new one is swapped in.

pub(crate) mod build;
pub(crate) mod facts;
pub(crate) mod lean;
pub(crate) mod store;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use facts::Key;

use crate::{revision::Revision, route::Split};

/// Everything a request can be routed to.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Public hosts, in lower case.
    pub(crate) hosts: HashMap<Box<str>, Destination>,
    /// Ports of in-cluster traffic.
    pub(crate) ports: BTreeMap<u16, Destination>,
    pub(crate) apps: BTreeMap<Key, Arc<App>>,
}

/// Where a host or port leads.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// To an app, by its split.
    App(Arc<App>),
    /// To the one revision that has the tag; `None` while it is not known here.
    Tag(Option<Arc<Revision>>),
}

/// An app as it is routed.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) split: Split,
    /// `TAG-NAME` and the revision; few, so a list.
    pub(crate) tags: Vec<(Box<str>, Arc<Revision>)>,
}

impl App {
    /// The revision whose tag's label this is.
    pub(crate) fn tag(&self, label: &str) -> Option<&Arc<Revision>> {
        let (_, revision) = self.tags.iter().find(|(tag, _)| **tag == *label)?;
        Some(revision)
    }
}

impl Table {
    /// For `/debug/state`.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let to = |destination: &Destination| match destination {
            Destination::App(app) => format!("{}/{}", app.namespace, app.name),
            Destination::Tag(Some(revision)) => format!("{}/{}", revision.namespace, revision.name),
            Destination::Tag(None) => "none".to_owned(),
        };
        let hosts: BTreeMap<_, _> = self.hosts.iter().map(|(host, d)| (host.to_string(), to(d))).collect();
        let ports: BTreeMap<_, _> = self.ports.iter().map(|(port, d)| (port.to_string(), to(d))).collect();
        let apps: BTreeMap<_, _> =
            self.apps.values().map(|app| (format!("{}/{}", app.namespace, app.name), app.split.describe())).collect();
        serde_json::json!({"hosts": hosts, "ports": ports, "splits": apps})
    }
}
