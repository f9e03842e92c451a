//! By what objects are found: sorted hashes, which take a few bytes an object. What is found has to be looked at, for
//! different texts may have the same hash.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use api::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// Key of a name in a namespace.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Key of an object.
    pub fn of(metadata: &ObjectMeta) -> Self {
        Self::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What else objects are asked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// Their UID.
    Uid,
    /// UID of the object that controls them.
    Controller,
    /// UID of the revision they belong to, by label.
    Revision,
}

impl By {
    /// What an object has to say to this.
    pub fn of(self, metadata: &ObjectMeta) -> Option<&str> {
        match self {
            Self::Uid => metadata.uid.as_deref(),
            Self::Controller => {
                let mut owners = metadata.owner_references.iter().flatten();
                owners.find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
            }
            Self::Revision => metadata.labels.as_ref()?.get(labels::REVISION_UID).map(String::as_str),
        }
    }
}

/// Which slots to look at for what.
#[derive(Debug, Default)]
pub struct Index {
    hasher: RandomState,
    entries: BTreeSet<(u32, u32)>,
}

impl Index {
    /// The hash of a key.
    pub fn key(&self, key: &Key) -> u32 {
        self.hasher.hash_one((&key.namespace, &key.name)) as u32
    }

    /// The hash of another property.
    pub fn property(&self, by: By, value: &str) -> u32 {
        self.hasher.hash_one((by, value)) as u32
    }

    /// Enters a slot.
    pub fn insert(&mut self, hash: u32, slot: u32) {
        self.entries.insert((hash, slot));
    }

    /// Takes it out again.
    pub fn remove(&mut self, hash: u32, slot: u32) {
        self.entries.remove(&(hash, slot));
    }

    /// The slots of a hash.
    pub fn slots(&self, hash: u32) -> impl Iterator<Item = u32> {
        self.entries.range((hash, 0)..=(hash, u32::MAX)).map(|(_, slot)| *slot)
    }
}
