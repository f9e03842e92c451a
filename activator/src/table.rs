//! The routing snapshot: hosts and ports to apps, apps to live revisions. Immutable; a new one is swapped in.

pub(crate) mod build;
pub(crate) mod facts;
pub(crate) mod key;
pub(crate) mod lean;
pub(crate) mod store;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use key::Key;

use crate::{
    revision::Revision,
    split::{Split, Sticky},
};

/// Everything a request can be routed to.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Public hosts, in lower case.
    pub(crate) hosts: HashMap<Arc<str>, Destination>,
    /// Ports of in-cluster traffic.
    pub(crate) ports: BTreeMap<u16, Destination>,
    pub(crate) apps: BTreeMap<Key, Arc<App>>,
}

/// Where a host or port leads.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// To an app, by its split.
    App(Arc<App>),
    /// To the one revision that has the tag, by the tag's place in the app's list.
    Tag(Arc<App>, u16),
}

/// An app as it is routed.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) key: Key,
    pub(crate) split: Split,
    /// By what clients stay with one revision of the split.
    pub(crate) sticky: Option<Arc<Sticky>>,
    /// Few, so a list.
    pub(crate) tags: Box<[Tag]>,
    /// Why it is of no use to wait where no revision is known; `None` while one may be on its way.
    pub(crate) void: Option<Box<str>>,
}

/// A tag of an app.
#[derive(Debug)]
pub(crate) struct Tag {
    /// `TAG-NAME`.
    pub(crate) label: Arc<str>,
    /// `None` while it is not known here.
    pub(crate) revision: Option<Arc<Revision>>,
}

impl App {
    /// The tag of this label.
    pub(crate) fn tag(&self, label: &str) -> Option<&Tag> {
        self.tags.iter().find(|tag| *tag.label == *label)
    }

    /// The tag of this name.
    pub(crate) fn tag_named(&self, name: &str) -> Option<&Tag> {
        let names = |tag: &Tag| tag.label.strip_prefix(name)?.strip_prefix('-').map(|app| app == self.key.name());
        self.tags.iter().find(|tag| names(tag) == Some(true))
    }
}

impl Table {
    /// For `/debug/state`.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let to = |destination: &Destination| match destination {
            Destination::App(app) => app.key.to_string(),
            Destination::Tag(app, place) => match &app.tags[usize::from(*place)].revision {
                Some(revision) => revision.key.to_string(),
                None => "none".to_owned(),
            },
        };
        let hosts: BTreeMap<_, _> = self.hosts.iter().map(|(host, d)| (host.to_string(), to(d))).collect();
        let ports: BTreeMap<_, _> = self.ports.iter().map(|(port, d)| (port.to_string(), to(d))).collect();
        let apps: BTreeMap<_, _> = self.apps.values().map(|app| (app.key.to_string(), app.split.describe())).collect();
        serde_json::json!({"hosts": hosts, "ports": ports, "splits": apps})
    }
}
