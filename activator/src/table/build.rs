//! The routing table, made of facts. Pure.

use std::{collections::BTreeMap, sync::Arc};

use super::{App, Destination, Table, Tag, facts::AppFacts, key::Key};
use crate::{
    revision::Revision,
    split::{Share, Split},
};

/// What is known of a name of a revision.
pub(crate) enum Named<'a> {
    Live(&'a Arc<Revision>),
    /// Not seen yet.
    Coming,
    Deleted,
}

/// Builds the table. `find` knows revisions by name; `before` is the last one: a split goes on where it stood.
///
/// Of two claims on a host or a port the older app's wins; generated hosts come before any app's own ones, so that
/// nobody can take a name that another app is going to get.
pub(crate) fn build<'a>(
    apps: &BTreeMap<Key, Box<AppFacts>>,
    find: impl Fn(&Key) -> Named<'a>,
    before: &Table,
) -> Table {
    let mut order: Vec<_> = apps.iter().collect();
    order.sort_by_key(|(key, facts)| (facts.created, *key));

    let mut table = Table::default();
    let mut own_hosts = Vec::new();
    for (key, facts) in order {
        let app = Arc::new(app(key, facts, &find, before));
        let whole = Destination::App(Arc::clone(&app));
        table.claim_host(facts.host.as_ref(), &whole);
        table.claim_port(facts.cluster_port, &whole);
        for (place, tag) in (0..).zip(facts.targets.iter().filter_map(|target| target.tag.as_ref())) {
            let tagged = Destination::Tag(Arc::clone(&app), place);
            table.claim_host(tag.host.as_ref(), &tagged);
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

fn app<'a>(key: &Key, facts: &AppFacts, find: impl Fn(&Key) -> Named<'a>, before: &Table) -> App {
    let mut shares = Vec::new();
    let mut tags = Vec::new();
    let mut void = facts.stalled.clone();
    for target in &facts.targets {
        let revision = match find(&Key::new(key.namespace(), &target.revision)) {
            Named::Live(revision) => Some(revision),
            Named::Coming => None,
            Named::Deleted => {
                void.get_or_insert_with(|| format!("revision {} was deleted", target.revision).into());
                None
            }
        };
        if let Some(revision) = revision.filter(|_| target.percent > 0) {
            add(&mut shares, revision, target.percent);
        }
        if let Some(tag) = &target.tag {
            tags.push(Tag { label: Arc::clone(&tag.label), revision: revision.cloned() });
        }
    }
    let last = before.apps.get(key).map(|app| &app.split);
    // For clients that stick: of a release the candidate comes last, and before it the revision that it takes over from.
    let part = |name: &str| facts.counted.iter().position(|counted| **counted == *name);
    shares.sort_by(|(one, _), (other, _)| {
        let (one, other) = (one.key.name(), other.key.name());
        (part(one), one).cmp(&(part(other), other))
    });
    App { key: key.clone(), split: Split::new(shares, last), sticky: facts.sticky.clone(), tags: tags.into(), void }
}

/// Two targets may be of one revision: by name, and as the latest.
fn add(shares: &mut Vec<Share>, revision: &Arc<Revision>, percent: u32) {
    match shares.iter_mut().find(|(known, _)| Arc::ptr_eq(known, revision)) {
        Some((_, share)) => *share += percent,
        None => shares.push((Arc::clone(revision), percent)),
    }
}

impl Table {
    fn claim_host(&mut self, host: Option<&Arc<str>>, destination: &Destination) {
        if let Some(host) = host {
            self.hosts.entry(Arc::clone(host)).or_insert_with(|| destination.clone());
        }
    }

    fn claim_port(&mut self, port: Option<u16>, destination: &Destination) {
        if let Some(port) = port {
            self.ports.entry(port).or_insert_with(|| destination.clone());
        }
    }
}
