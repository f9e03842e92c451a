//! The routing table, made of facts. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    App, Destination, Table,
    facts::{AppFacts, Key, TagFacts},
};
use crate::{revision::Revision, route::Split};

/// Which live revision stands behind namespace and name.
pub(crate) type Names = HashMap<Key, Arc<Revision>>;

/// Builds the table. `before` is the last one: a split whose shares have not changed goes on where it stood.
///
/// Of two claims on a host or a port the older app's wins; generated hosts come before any app's own ones, so that
/// nobody can take a name that another app is going to get.
pub(crate) fn build(apps: &BTreeMap<Key, AppFacts>, names: &Names, before: &Table) -> Table {
    let mut order: Vec<_> = apps.iter().collect();
    order.sort_by_key(|(key, facts)| (facts.created, *key));

    let mut table = Table::default();
    let mut own_hosts = Vec::new();
    for (key, facts) in order {
        let app = Arc::new(app(key, facts, names, before));
        let whole = Destination::App(Arc::clone(&app));
        table.claim_host(facts.host.as_deref(), &whole);
        table.claim_port(facts.cluster_port, &whole);
        for target in &facts.targets {
            let Some(tag) = &target.tag else { continue };
            let tagged = tagged(&app, tag);
            table.claim_host(tag.host.as_deref(), &tagged);
            table.claim_port(tag.cluster_port, &tagged);
        }
        own_hosts.extend(facts.own_hosts.iter().map(|host| (host, whole.clone())));
        table.apps.insert(key.clone(), app);
    }
    for (host, whole) in own_hosts {
        table.claim_host(Some(host), &whole);
    }
    table
}

fn app(key: &Key, facts: &AppFacts, names: &Names, before: &Table) -> App {
    let (namespace, name) = key;
    let find = |revision: &str| names.get(&(namespace.clone(), revision.into()));
    let mut shares = Vec::new();
    let mut tags = Vec::new();
    for target in &facts.targets {
        let Some(revision) = find(&target.revision) else { continue };
        if target.percent > 0 {
            shares.push((Arc::clone(revision), target.percent));
        }
        if let Some(tag) = &target.tag {
            tags.push((tag.label.clone(), Arc::clone(revision)));
        }
    }
    let last = before.apps.get(key).map(|app| &app.split);
    App { namespace: namespace.clone(), name: name.clone(), split: Split::new(shares, last), tags }
}

fn tagged(app: &Arc<App>, tag: &TagFacts) -> Destination {
    let revision = app.tag(&tag.label).cloned();
    Destination::Tag(revision)
}

impl Table {
    fn claim_host(&mut self, host: Option<&str>, destination: &Destination) {
        if let Some(host) = host {
            self.hosts.entry(host.into()).or_insert_with(|| destination.clone());
        }
    }

    fn claim_port(&mut self, port: Option<u16>, destination: &Destination) {
        if let Some(port) = port {
            self.ports.entry(port).or_insert_with(|| destination.clone());
        }
    }
}
