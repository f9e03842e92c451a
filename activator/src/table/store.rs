//! Facts of all objects, live revisions, and the table made of them. One owner of all three; fed by `watch`.
//! What a live revision says of itself is not kept here a second time.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{
    Table,
    build::{Named, build},
    facts::{AppFacts, RevisionFacts, SliceFacts},
    key::Key,
};
use crate::{endpoints::Listed, revision::Revision, revisions::Revisions};

/// The table that requests read, and a bell for those who follow its changes.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    table: Arc<ArcSwap<Table>>,
    changed: watch::Sender<()>,
}

impl Tables {
    pub(crate) fn new() -> Self {
        Self { table: Arc::default(), changed: watch::Sender::new(()) }
    }

    /// The newest table.
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<Table>> {
        self.table.load()
    }

    /// Rings after each change.
    pub(crate) fn follow(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn swap(&self, table: Table) {
        self.table.store(Arc::new(table));
        self.changed.send_replace(());
    }
}

/// Owner of the facts.
pub(crate) struct Store {
    apps: BTreeMap<Key, Box<AppFacts>>,
    revisions: BTreeMap<Key, Arc<Revision>>,
    /// Deleted revisions that are still named by their app, which is the value.
    gone: BTreeMap<Key, Key>,
    /// Pods by revision and slice.
    slices: BTreeMap<Arc<str>, BTreeMap<Key, BTreeMap<SocketAddr, Listed>>>,
    live: Arc<Revisions>,
    tables: Tables,
    stale: bool,
}

impl Store {
    pub(crate) fn new(live: Arc<Revisions>, tables: Tables) -> Self {
        Self {
            apps: BTreeMap::new(),
            revisions: BTreeMap::new(),
            gone: BTreeMap::new(),
            slices: BTreeMap::new(),
            live,
            tables,
            stale: false,
        }
    }

    /// An app is there, as these facts say.
    pub(crate) fn app(&mut self, key: Key, facts: AppFacts) {
        if self.apps.get(&key).is_none_or(|before| **before != facts) {
            self.apps.insert(key, Box::new(facts));
            self.stale = true;
        }
    }

    /// An app is gone.
    pub(crate) fn no_app(&mut self, key: &Key) {
        self.stale |= self.apps.remove(key).is_some();
    }

    /// A revision is there; one of the same name and another UID is another revision.
    pub(crate) fn revision(&mut self, key: Key, facts: RevisionFacts) {
        if self.revisions.get(&key).is_some_and(|before| before.uid != facts.uid) {
            self.no_revision(&key);
        }
        let (live, new) = self.live.ensure(&key, &facts);
        live.stands(&facts.standing);
        if new {
            live.listed(&self.pods(&facts.uid));
            self.gone.remove(&key);
            self.revisions.insert(key, live);
            self.stale = true;
        }
    }

    /// A revision is gone.
    pub(crate) fn no_revision(&mut self, key: &Key) {
        if let Some(revision) = self.revisions.remove(key) {
            self.live.remove(&revision.uid);
            self.gone.insert(key.clone(), Key::new(key.namespace(), &revision.app));
            self.stale = true;
        }
    }

    /// A slice is there. Its pods go to the live revision at once: they do not concern the table.
    pub(crate) fn slice(&mut self, key: Key, facts: SliceFacts) {
        let SliceFacts { revision_uid, endpoints } = facts;
        // A sleeping revision's slice is empty; it need not be remembered.
        if endpoints.is_empty() {
            return self.no_slice(&key, &revision_uid);
        }
        self.slices.entry(revision_uid.clone()).or_default().insert(key, endpoints);
        self.list(&revision_uid);
    }

    /// A slice is gone.
    pub(crate) fn no_slice(&mut self, key: &Key, revision_uid: &str) {
        if let Some(slices) = self.slices.get_mut(revision_uid)
            && slices.remove(key).is_some()
        {
            if slices.is_empty() {
                self.slices.remove(revision_uid);
            }
            self.list(revision_uid);
        }
    }

    /// After a new list: whatever was not in it is gone.
    pub(crate) fn keep_apps(&mut self, listed: &BTreeSet<Key>) {
        let before = self.apps.len();
        self.apps.retain(|key, _| listed.contains(key));
        self.stale |= self.apps.len() != before;
    }

    /// After a new list: whatever was not in it is gone.
    pub(crate) fn keep_revisions(&mut self, listed: &BTreeSet<Key>) {
        let gone: Vec<Key> = self.revisions.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        for key in gone {
            self.no_revision(&key);
        }
    }

    /// After a new list: whatever was not in it is gone.
    pub(crate) fn keep_slices(&mut self, listed: &BTreeSet<Key>) {
        let gone: Vec<(Arc<str>, Key)> = self
            .slices
            .iter()
            .flat_map(|(uid, slices)| slices.keys().map(move |key| (uid.clone(), key.clone())))
            .filter(|(_, key)| !listed.contains(key))
            .collect();
        for (uid, key) in gone {
            self.no_slice(&key, &uid);
        }
    }

    /// Builds and swaps in a new table if the facts ask for one. Call after each batch of changes.
    pub(crate) fn publish(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let Self { apps, revisions, gone, .. } = self;
        gone.retain(|key, app| {
            apps.get(app).is_some_and(|app| app.targets.iter().any(|target| *target.revision == *key.name()))
        });
        let find = |key: &Key| match revisions.get(key) {
            Some(revision) => Named::Live(revision),
            None if gone.contains_key(key) => Named::Deleted,
            None => Named::Coming,
        };
        let table = build(apps, find, &self.tables.load());
        self.tables.swap(table);
        self.count();
    }

    /// Has what revisions do counted while a release of theirs is under way.
    fn count(&self) {
        let names = self.apps.iter().flat_map(|(app, facts)| facts.counted.iter().map(move |name| (app, name)));
        let counted: BTreeSet<Key> = names.map(|(app, name)| Key::new(app.namespace(), name)).collect();
        for (key, revision) in &self.revisions {
            revision.count(counted.contains(key));
        }
    }

    fn list(&self, revision_uid: &str) {
        if let Some(revision) = self.live.get(revision_uid) {
            revision.listed(&self.pods(revision_uid));
        }
    }

    /// All slices of a revision together; the better word wins where two speak of the same pod.
    fn pods(&self, revision_uid: &str) -> BTreeMap<SocketAddr, Listed> {
        let mut pods = BTreeMap::new();
        for slice in self.slices.get(revision_uid).into_iter().flat_map(BTreeMap::values) {
            for (address, listed) in slice {
                let best = pods.entry(*address).or_insert(*listed);
                *best = *listed.max(best);
            }
        }
        pods
    }
}
