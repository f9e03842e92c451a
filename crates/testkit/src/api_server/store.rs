//! All objects and their history: one counter of versions, one map, one log of changes that watches read from.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

/// Changes kept for watches and for lists that go on; who is further behind starts anew (410), as with etcd's
/// compaction.
const HISTORY_MAX: usize = 20_000;

/// Which of the kinds, by its place in their table.
pub type KindId = usize;

/// Name of an object: kind, namespace (empty: none), name.
pub type Key = (KindId, String, String);

/// What happened to an object at one version.
#[derive(Debug, Clone)]
pub struct Change {
    /// The version it made.
    pub version: u64,
    /// When.
    pub at: Instant,
    /// Of which object.
    pub key: Key,
    /// What it was; none before it was made.
    pub old: Option<Arc<Value>>,
    /// What it is, with that version; what it last was, when it is gone.
    pub new: Arc<Value>,
    /// It is gone.
    pub gone: bool,
}

/// The objects.
#[derive(Debug, Default)]
pub struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    version: u64,
    /// Changes up to this version are forgotten.
    compacted: u64,
    /// The version of the last change of each kind.
    changed: BTreeMap<KindId, u64>,
}

impl Store {
    /// The version of the last change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The version of the last change of a kind.
    pub fn version_of(&self, kind: KindId) -> u64 {
        self.changed.get(&kind).copied().unwrap_or(0)
    }

    /// The oldest version that a watch may begin from.
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// Objects of a kind in name order, of one namespace or of all.
    pub fn of_kind(&self, kind: KindId, namespace: Option<&str>) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let wanted = namespace.map(str::to_owned);
        let first = (kind, wanted.clone().unwrap_or_default(), String::new());
        self.objects
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |((k, ns, _), _)| *k == kind && wanted.as_ref().is_none_or(|wanted| wanted == ns))
    }

    /// Every object of every kind.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// Sets an object; gives it its `resourceVersion`.
    pub fn put(&mut self, key: Key, object: Value) -> Arc<Value> {
        let object = self.stamped(object);
        let old = self.objects.insert(key.clone(), object.clone());
        self.note(key, old, object.clone(), false);
        object
    }

    /// Removes an object; what is told of it is its last state, `last`, with the version of its end.
    pub fn remove(&mut self, key: &Key, last: Value) -> Arc<Value> {
        let last = self.stamped(last);
        let old = self.objects.remove(key);
        self.note(key.clone(), old, last.clone(), true);
        last
    }

    fn stamped(&mut self, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        Arc::new(object)
    }

    fn note(&mut self, key: Key, old: Option<Arc<Value>>, new: Arc<Value>, gone: bool) {
        self.changed.insert(key.0, self.version);
        self.history.push_back(Change { version: self.version, at: Instant::now(), key, old, new, gone });
        if self.history.len() > HISTORY_MAX {
            self.compacted = self.history.pop_front().map_or(self.compacted, |change| change.version);
        }
    }

    /// Changes after a version, oldest first.
    pub fn after(&self, version: u64) -> impl Iterator<Item = &Change> {
        let begin = self.history.partition_point(|change| change.version <= version);
        self.history.range(begin..)
    }

    /// Forgets all changes up to now.
    pub fn compact(&mut self) {
        self.history.clear();
        self.compacted = self.version;
    }

    /// Objects of a kind as they were at a version; none if that is forgotten.
    pub fn at_version(&self, version: u64, kind: KindId, namespace: Option<&str>) -> Option<BTreeMap<Key, Arc<Value>>> {
        if version < self.compacted {
            return None;
        }
        let mut then: BTreeMap<_, _> =
            self.of_kind(kind, namespace).map(|(key, object)| (key.clone(), object.clone())).collect();
        let changes: Vec<_> = self.after(version).filter(|change| change.key.0 == kind).collect();
        for change in changes.into_iter().rev() {
            match &change.old {
                Some(old) if namespace.is_none_or(|wanted| wanted == change.key.1) => {
                    then.insert(change.key.clone(), old.clone());
                }
                _ => {
                    then.remove(&change.key);
                }
            }
        }
        Some(then)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(namespace: &str, name: &str) -> Key {
        (0, namespace.to_owned(), name.to_owned())
    }

    #[tokio::test]
    async fn the_past_can_be_had_until_it_is_compacted() {
        let mut store = Store::default();
        store.put(key("a", "one"), json!({ "metadata": {}, "x": 1 }));
        store.put(key("b", "two"), json!({ "metadata": {} }));
        let then = store.version();
        store.put(key("a", "one"), json!({ "metadata": {}, "x": 2 }));
        store.remove(&key("b", "two"), json!({ "metadata": {} }));
        store.put(key("a", "three"), json!({ "metadata": {} }));
        let past = store.at_version(then, 0, None).expect("kept");
        assert_eq!(past.keys().collect::<Vec<_>>(), [&key("a", "one"), &key("b", "two")]);
        assert_eq!(past[&key("a", "one")]["x"], 1);
        assert_eq!(store.at_version(then, 0, Some("a")).expect("kept").len(), 1);
        assert_eq!(store.of_kind(0, Some("a")).count(), 2);
        store.compact();
        assert!(store.at_version(then, 0, None).is_none());
    }
}
