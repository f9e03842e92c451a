//! Facts of all objects, live revisions, and the table made of them. One owner of all three; fed by `watch`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{
    Table,
    build::{Names, build},
    facts::{AppFacts, Key, RevisionFacts, SliceFacts},
};
use crate::revisions::Revisions;

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
    apps: BTreeMap<Key, AppFacts>,
    revisions: BTreeMap<Key, RevisionFacts>,
    /// Deleted revisions that are still named by their app, which is the value.
    gone: BTreeMap<Key, Box<str>>,
    /// Pods by revision and slice.
    slices: BTreeMap<Box<str>, BTreeMap<Key, BTreeMap<SocketAddr, bool>>>,
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
        if self.apps.get(&key) != Some(&facts) {
            self.apps.insert(key, facts);
            self.stale = true;
        }
    }

    /// An app is gone.
    pub(crate) fn no_app(&mut self, key: &Key) {
        self.stale |= self.apps.remove(key).is_some();
    }

    /// A revision is there; one of the same name and another UID is another revision.
    pub(crate) fn revision(&mut self, key: Key, facts: RevisionFacts) {
        match self.revisions.get(&key) {
            Some(before) if *before == facts => return,
            Some(before) if before.uid != facts.uid => {
                let key = key.clone();
                self.no_revision(&key);
            }
            _ => {}
        }
        let (live, new) = self.live.ensure(&facts);
        live.stands(&facts.standing);
        if new {
            live.listed(&self.pods(&facts.uid));
            self.stale = true;
        }
        self.revisions.insert(key, facts);
    }

    /// A revision is gone.
    pub(crate) fn no_revision(&mut self, key: &Key) {
        if let Some(facts) = self.revisions.remove(key) {
            self.live.remove(&facts.uid);
            self.gone.insert(key.clone(), facts.app);
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
        let gone: Vec<(Box<str>, Key)> = self
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
        self.gone.retain(|key, app| {
            let app = self.apps.get(&(key.0.clone(), app.clone()));
            app.is_some_and(|app| app.targets.iter().any(|target| target.revision == key.1))
        });
        let mut names: Names = self.gone.keys().map(|key| (key.clone(), None)).collect();
        for (key, facts) in &self.revisions {
            let Some(revision) = self.live.get(&facts.uid) else { continue };
            let app = (facts.namespace.clone(), facts.app.clone());
            if let Some(app) = self.apps.get(&app) {
                revision.set_target(app.pod_target);
            }
            names.insert(key.clone(), Some(revision));
        }
        let table = build(&self.apps, &names, &self.tables.load());
        self.tables.swap(table);
    }

    fn list(&self, revision_uid: &str) {
        if let Some(revision) = self.live.get(revision_uid) {
            revision.listed(&self.pods(revision_uid));
        }
    }

    /// All slices of a revision together; ready wins where two speak of the same pod.
    fn pods(&self, revision_uid: &str) -> BTreeMap<SocketAddr, bool> {
        let mut pods = BTreeMap::new();
        for slice in self.slices.get(revision_uid).into_iter().flat_map(BTreeMap::values) {
            for (address, ready) in slice {
                *pods.entry(*address).or_insert(false) |= *ready;
            }
        }
        pods
    }
}
