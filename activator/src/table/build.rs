//! The routing table, made of facts. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    App, Destination, Table, Tag,
    facts::{AppFacts, Key},
};
use crate::{revision::Revision, route::Split};

/// Which live revision stands behind namespace and name; `None` if it was deleted.
pub(crate) type Names = HashMap<Key, Option<Arc<Revision>>>;

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
        for (place, tag) in facts.targets.iter().filter_map(|target| target.tag.as_ref()).enumerate() {
            let tagged = Destination::Tag(Arc::clone(&app), place);
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
    let mut void = facts.stalled.clone();
    for target in &facts.targets {
        let found = find(&target.revision);
        if let Some(None) = found {
            void.get_or_insert_with(|| format!("revision {} was deleted", target.revision).into());
        }
        let revision = found.and_then(Option::as_ref);
        if let Some(revision) = revision.filter(|_| target.percent > 0) {
            shares.push((Arc::clone(revision), target.percent));
        }
        if let Some(tag) = &target.tag {
            tags.push(Tag { label: tag.label.clone(), revision: revision.cloned() });
        }
    }
    let last = before.apps.get(key).map(|app| &app.split);
    App { namespace: namespace.clone(), name: name.clone(), split: Split::new(shares, last), tags, void }
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
