//! What is known of the objects of one kind, in as few bytes as that takes: a sleeping app is hardly ever looked at.
//!
//! Fed by a watch; objects are kept packed and made again whenever they are looked at, which is at their own changes.

mod index;
mod pack;
mod shelf;
#[cfg(test)]
mod tests;
mod watched;

use std::collections::HashSet;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::Event;
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use tokio::sync::SetOnce;
use tracing::warn;

use self::shelf::Shelf;

pub use self::index::{By, Key};
pub use self::watched::Watched;

/// Objects of kind `K`. Cheap to clone.
pub struct Store<K> {
    shared: Arc<Shared>,
    kind: PhantomData<fn() -> K>,
}

struct Shared {
    state: RwLock<State>,
    listed: SetOnce<()>,
}

struct State {
    shelf: Shelf,
    /// Slots that the list under way has named so far.
    named: HashSet<u32>,
}

impl<K> Clone for Store<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), kind: PhantomData }
    }
}

impl<K: DeserializeOwned> Store<K> {
    /// An empty store that can be asked by these besides by key.
    pub fn new(by: &'static [By]) -> Self {
        let state = RwLock::new(State { shelf: Shelf::new(by), named: HashSet::new() });
        Self { shared: Arc::new(Shared { state, listed: SetOnce::new() }), kind: PhantomData }
    }

    /// Takes over what the watch says; returns whose reconcile has to look again. Nobody has to before the first list
    /// is whole: whoever begins then looks at everything.
    pub fn take<R>(&self, event: Event<Watched<R>>) -> Vec<ObjectMeta> {
        let mut state = self.shared.state.write();
        let State { shelf, named } = &mut *state;
        let touched = match event {
            Event::Apply(object) => {
                shelf.put(&object.metadata, &object.text);
                vec![object.metadata]
            }
            Event::Delete(object) => {
                shelf.remove(&Key::of(&object.metadata));
                vec![object.metadata]
            }
            Event::Init => {
                named.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                named.insert(shelf.put(&object.metadata, &object.text));
                vec![object.metadata]
            }
            Event::InitDone => {
                let named = std::mem::take(named);
                // An error only says that it was set before.
                let _ = self.shared.listed.set(());
                shelf.retain(|slot| named.contains(&slot))
            }
        };
        if self.shared.listed.initialized() { touched } else { Vec::new() }
    }

    /// Returns when the first list is whole.
    pub async fn listed(&self) {
        self.shared.listed.wait().await;
    }

    /// The object with this key.
    pub fn get(&self, key: &Key) -> Option<K> {
        let text = self.shared.state.read().shelf.get(key);
        text.and_then(|text| parse(&text))
    }

    /// A number for a key, whether or not there is such an object; few keys have the same.
    pub fn id(&self, key: &Key) -> u32 {
        self.shared.state.read().shelf.id(key)
    }

    /// The objects whose keys have this number.
    pub fn with_id(&self, id: u32) -> Vec<K> {
        let texts = self.shared.state.read().shelf.with_id(id);
        texts.iter().filter_map(|text| parse(text)).collect()
    }

    /// The objects of which this is so.
    pub fn by(&self, by: By, value: &str) -> Vec<K> {
        let texts = self.shared.state.read().shelf.by(by, value);
        texts.iter().filter_map(|text| parse(text)).collect()
    }

    /// Whether there may be an object of which this is so: at times yes when there is none, never no when there is one.
    pub fn may_have(&self, by: By, value: &str) -> bool {
        self.shared.state.read().shelf.may_have(by, value)
    }

    /// All objects, each made when it is asked for; those that come or go meanwhile may be missed.
    pub fn all(&self) -> impl Iterator<Item = K> {
        let slots = self.shared.state.read().shelf.slots();
        (0..slots).filter_map(|slot| {
            let text = self.shared.state.read().shelf.text(slot);
            text.and_then(|text| parse(&text))
        })
    }

    /// How many places there are, some of which may be empty.
    pub fn slots(&self) -> u32 {
        self.shared.state.read().shelf.slots()
    }

    /// The keys of the objects in some of the places.
    pub fn keys(&self, slots: Range<u32>) -> Vec<Key> {
        let state = self.shared.state.read();
        slots.filter_map(|slot| state.shelf.key(slot)).collect()
    }
}

/// One object that cannot be read is no reason to stop for the others.
fn parse<K: DeserializeOwned>(text: &[u8]) -> Option<K> {
    let parsed = serde_json::from_slice(text);
    parsed.inspect_err(|error| warn!(%error, kind = std::any::type_name::<K>(), "cannot read an object")).ok()
}
