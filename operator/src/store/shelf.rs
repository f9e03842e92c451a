//! Packed objects in numbered slots, and the index that finds them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::index::{By, Index, Key};
use super::pack::Packer;

/// The objects of one kind.
#[derive(Debug)]
pub struct Shelf {
    slots: Vec<Option<Box<[u8]>>>,
    free: Vec<u32>,
    index: Index,
    packer: Packer,
    by: &'static [By],
}

#[derive(Deserialize)]
struct Head {
    metadata: ObjectMeta,
}

impl Shelf {
    /// An empty one, with an index by these.
    pub fn new(by: &'static [By]) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), index: Index::default(), packer: Packer::default(), by }
    }

    /// Keeps an object in place of the one that had its key; returns where.
    pub fn put(&mut self, metadata: &ObjectMeta, text: &str) -> u32 {
        let key = Key::of(metadata);
        let slot = self.find(&key).unwrap_or_else(|| {
            self.free.pop().unwrap_or_else(|| {
                self.slots.push(None);
                self.slots() - 1
            })
        });
        self.clear(slot);
        for hash in self.hashes(metadata) {
            self.index.insert(hash, slot);
        }
        self.slots[slot as usize] = Some(self.packer.pack(text.as_bytes()));
        slot
    }

    /// Forgets an object.
    pub fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.find(key) {
            self.clear(slot);
            self.free.push(slot);
        }
    }

    /// Forgets those in slots for which `keep` says no, and returns what they were.
    pub fn retain(&mut self, keep: impl Fn(u32) -> bool) -> Vec<ObjectMeta> {
        let mut gone = Vec::new();
        for slot in (0..self.slots()).filter(|slot| !keep(*slot)) {
            if let Some(metadata) = self.clear(slot) {
                self.free.push(slot);
                gone.push(metadata);
            }
        }
        gone
    }

    /// The text of the object with this key.
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.text(self.find(key)?)
    }

    /// The hash of a key.
    pub fn id(&self, key: &Key) -> u32 {
        self.index.key(key)
    }

    /// The texts of the objects whose keys have this hash.
    pub fn with_id(&self, id: u32) -> Vec<Vec<u8>> {
        let is_so = |text: &Vec<u8>| head(text).is_some_and(|metadata| self.id(&Key::of(&metadata)) == id);
        self.index.slots(id).filter_map(|slot| self.text(slot)).filter(is_so).collect()
    }

    /// The texts of the objects of which this is so.
    pub fn by(&self, by: By, value: &str) -> Vec<Vec<u8>> {
        let slots = self.index.slots(self.index.property(by, value));
        let is_so = |text: &Vec<u8>| head(text).is_some_and(|metadata| by.of(&metadata) == Some(value));
        slots.filter_map(|slot| self.text(slot)).filter(is_so).collect()
    }

    /// Whether there may be an object of which this is so.
    pub fn may_have(&self, by: By, value: &str) -> bool {
        self.index.slots(self.index.property(by, value)).next().is_some()
    }

    /// How many slots there are.
    pub fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The text of the object in a slot.
    pub fn text(&self, slot: u32) -> Option<Vec<u8>> {
        let packed = self.slots.get(slot as usize)?.as_ref()?;
        Some(self.packer.unpack(packed))
    }

    /// The key of the object in a slot.
    pub fn key(&self, slot: u32) -> Option<Key> {
        self.metadata(slot).map(|metadata| Key::of(&metadata))
    }

    fn metadata(&self, slot: u32) -> Option<ObjectMeta> {
        self.text(slot).and_then(|text| head(&text))
    }

    fn find(&self, key: &Key) -> Option<u32> {
        self.index.slots(self.index.key(key)).find(|slot| self.key(*slot).as_ref() == Some(key))
    }

    /// Empties a slot; returns what was in it.
    fn clear(&mut self, slot: u32) -> Option<ObjectMeta> {
        let metadata = self.metadata(slot)?;
        for hash in self.hashes(&metadata) {
            self.index.remove(hash, slot);
        }
        self.slots[slot as usize] = None;
        Some(metadata)
    }

    fn hashes(&self, metadata: &ObjectMeta) -> Vec<u32> {
        let properties = self.by.iter().filter_map(|by| Some(self.index.property(*by, by.of(metadata)?)));
        properties.chain([self.index.key(&Key::of(metadata))]).collect()
    }
}

fn head(text: &[u8]) -> Option<ObjectMeta> {
    serde_json::from_slice::<Head>(text).ok().map(|head| head.metadata)
}
