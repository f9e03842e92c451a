//! All live revisions by UID, and what the hub said of those that are not known here yet.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
};

use parking_lot::Mutex;
use wire::{Down, Endpoint, Up};

use crate::{
    revision::{Revision, Shared, Wanted},
    table::{facts::RevisionFacts, key::Key},
};

/// Revisions at most of which the hub's word is kept although the API server has not told of them: a watch is
/// behind, or has not had its first list.
const UNKNOWN_MAX: usize = 4096;

/// What the hub said of a revision that is not known yet.
#[derive(Debug, Default)]
struct Said {
    up: Vec<SocketAddr>,
    wanted: Wanted,
}

#[derive(Default)]
struct State {
    known: HashMap<Arc<str>, Arc<Revision>>,
    unknown: BTreeMap<Box<str>, Said>,
}

/// The registry.
pub(crate) struct Revisions {
    shared: Arc<Shared>,
    state: Mutex<State>,
}

impl Revisions {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, state: Mutex::default() }
    }

    pub(crate) fn get(&self, uid: &str) -> Option<Arc<Revision>> {
        self.state.lock().known.get(uid).cloned()
    }

    /// All of them, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Revision>> {
        self.state.lock().known.values().cloned().collect()
    }

    /// The live revision of these facts, and whether it is new.
    pub(crate) fn ensure(&self, key: &Key, facts: &RevisionFacts) -> (Arc<Revision>, bool) {
        let mut state = self.state.lock();
        if let Some(revision) = state.known.get(&facts.uid) {
            return (Arc::clone(revision), false);
        }
        let revision = Revision::new(key.clone(), facts, Arc::clone(&self.shared));
        let said = state.unknown.remove(&*facts.uid).unwrap_or_default();
        state.known.insert(Arc::clone(&revision.uid), Arc::clone(&revision));
        // Still under the lock: what the hub says next must come after what it said before.
        revision.set_wanted(said.wanted);
        for address in said.up {
            revision.up(address, 0);
        }
        (revision, true)
    }

    /// The Revision was deleted.
    pub(crate) fn remove(&self, uid: &str) {
        let gone = self.state.lock().known.remove(uid);
        if let Some(revision) = gone {
            revision.gone();
        }
    }

    /// Takes in what the hub says.
    pub(crate) fn hear(&self, message: Down) {
        match message {
            Down::Endpoints(endpoints) => self.announced(endpoints),
            Down::EndpointUp { endpoint: Endpoint { revision_uid, address }, share } => match self.get(&revision_uid) {
                Some(revision) => revision.up(address, share),
                None => self.unknown(&revision_uid, |said| {
                    if !said.up.contains(&address) {
                        said.up.push(address);
                    }
                }),
            },
            Down::EndpointDown(Endpoint { revision_uid, address }) => match self.get(&revision_uid) {
                Some(revision) => revision.down(address),
                None => self.unknown(&revision_uid, |said| said.up.retain(|up| *up != address)),
            },
            Down::Desired { revision_uid, replicas, activators, places } => {
                let wanted = Wanted { replicas, activators, places };
                match self.get(&revision_uid) {
                    Some(revision) => revision.set_wanted(wanted),
                    None => self.unknown(&revision_uid, |said| said.wanted = wanted),
                }
            }
        }
    }

    /// The hub is away: what it wanted is no longer known. Its announcements age by themselves.
    pub(crate) fn hub_away(&self) {
        for revision in self.all() {
            revision.set_wanted(Wanted::default());
        }
    }

    /// What waits now, for a new stream and each second.
    pub(crate) fn demands(&self) -> Vec<Up> {
        self.all().iter().filter_map(|revision| revision.repeat_demand()).collect()
    }

    /// What revisions did for users: all of it for a new stream, otherwise what is new.
    pub(crate) fn outcomes(&self, replay: bool) -> Vec<Up> {
        let told = |revision: &Arc<Revision>| revision.outcomes()?.tell(&revision.uid, replay);
        Up::outcomes(replay, self.all().iter().filter_map(told).collect())
    }

    fn announced(&self, endpoints: Vec<Endpoint>) {
        let mut by_revision: HashMap<String, Vec<SocketAddr>> = HashMap::new();
        for endpoint in endpoints {
            by_revision.entry(endpoint.revision_uid).or_default().push(endpoint.address);
        }
        self.state.lock().unknown.clear();
        for revision in self.all() {
            let up = by_revision.remove(&*revision.uid).unwrap_or_default();
            revision.announced(&up);
        }
        for (uid, up) in by_revision {
            self.unknown(&uid, |said| said.up = up);
        }
    }

    fn unknown(&self, uid: &str, what: impl FnOnce(&mut Said)) {
        let mut state = self.state.lock();
        if let Some(said) = state.unknown.get_mut(uid) {
            what(said);
        } else if state.unknown.len() < UNKNOWN_MAX {
            what(state.unknown.entry(uid.into()).or_default());
        } else {
            self.shared.metrics.hub_forgotten.inc();
        }
    }
}
