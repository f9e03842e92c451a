//! What is known of each Secret: the last good certificate, and what is wrong with it now.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use super::{
    Certificates,
    certificate::{Certificate, Reader},
    choice::Choice,
    secret::Files,
};
use crate::table::key::Key;

/// Owned by the watch.
pub(crate) struct Shelf {
    entries: BTreeMap<Key, Entry>,
    default: Option<Key>,
    reader: Reader,
    hashes: RandomState,
    certificates: Arc<Certificates>,
}

struct Entry {
    /// Of the files; they themselves are not kept.
    hash: u64,
    /// The newest that could be used.
    good: Option<Arc<Certificate>>,
    broken: bool,
}

impl Shelf {
    /// `default` names the Secret whose certificate is for names that nobody has.
    pub(crate) fn new(certificates: Arc<Certificates>, default: Option<Key>) -> Self {
        Self { entries: BTreeMap::new(), default, reader: Reader::default(), hashes: RandomState::new(), certificates }
    }

    /// The Secret is this now. One that is broken is told of once for each state that it is in.
    pub(crate) fn here(&mut self, key: Key, files: Files) {
        let hash = self.hashes.hash_one(&files);
        if self.entries.get(&key).is_some_and(|entry| entry.hash == hash) {
            return;
        }
        let read = self.reader.read(&files);
        if let Err(cause) = &read {
            let kept = self.entries.get(&key).is_some_and(|entry| entry.good.is_some());
            tracing::warn!(secret = %key, %cause, kept, "certificate cannot be used");
        }
        let broken = read.is_err();
        let before = self.entries.remove(&key).and_then(|entry| entry.good);
        let good = read.map(Arc::new).ok().or(before);
        self.entries.insert(key, Entry { hash, good, broken });
    }

    /// The Secret is gone.
    pub(crate) fn gone(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    /// No other Secrets than these are in the namespace.
    pub(crate) fn keep(&mut self, namespace: &str, listed: &BTreeSet<Key>) {
        self.entries.retain(|key, _| key.namespace() != namespace || listed.contains(key));
    }

    /// Handshakes see all of it from now on.
    pub(crate) fn publish(&self) {
        let good = || self.entries.iter().filter_map(|(key, entry)| Some((key, entry.good.as_ref()?)));
        self.certificates.choice.store(Arc::new(Choice::of(good(), self.default.as_ref())));
        let broken = self.entries.values().filter(|entry| entry.broken).count();
        self.certificates.metrics.show(good().map(|(key, made)| (made.not_after, key)), broken);
    }
}
