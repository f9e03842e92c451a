//! Watches of the API server: each object is read for its facts and dropped; `table::store` keeps the facts.

use std::{collections::BTreeSet, sync::Arc};

use api::labels;
use futures_util::{Stream, StreamExt as _};
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Config, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::{
    revision::Shared,
    table::{
        facts::{AppFacts, RevisionFacts, SliceFacts},
        key::Key,
        lean::{LeanApp, LeanRevision, LeanSlice},
        store::Store,
    },
};

/// Objects in one page of a list: what is in memory whole at a time.
const PAGE: u32 = 20;

/// An event with facts instead of an object.
#[derive(Debug)]
pub(crate) enum Seen<F> {
    Here(Key, F),
    Gone(Key, F),
    Listing,
    Listed(Key, F),
    ListDone,
}

/// A list that is under way, and whether there was a whole one.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    keys: Option<BTreeSet<Key>>,
    whole: bool,
}

impl Listing {
    pub(crate) fn begin(&mut self) {
        self.keys = Some(BTreeSet::new());
    }

    pub(crate) fn note(&mut self, key: &Key) {
        if let Some(keys) = &mut self.keys {
            keys.insert(key.clone());
        }
    }

    pub(crate) fn done(&mut self) -> BTreeSet<Key> {
        self.whole = true;
        self.keys.take().unwrap_or_default()
    }

    pub(crate) const fn is_under_way(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether there was a whole one.
    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }
}

/// Feeds `store` until the process ends. `synced` is told when all three kinds have been listed once.
pub(crate) async fn run(client: Client, mut store: Store, shared: Arc<Shared>, synced: oneshot::Sender<()>) {
    let mut apps =
        Box::pin(facts(Api::<LeanApp>::all(client.clone()), Config::default(), |app| Some(AppFacts::of(app)), &shared));
    let mut revisions = Box::pin(facts(
        Api::<LeanRevision>::all(client.clone()),
        Config::default(),
        |revision| Some(RevisionFacts::of(revision)),
        &shared,
    ));
    let ours = Config::default().labels(labels::REVISION);
    let mut slices = Box::pin(facts(Api::<LeanSlice>::all(client), ours, SliceFacts::of, &shared));
    let mut listings: [Listing; 3] = Default::default();
    let mut synced = Some(synced);
    loop {
        // A watcher's stream never ends.
        tokio::select! {
            Some(seen) = apps.next() => app(&mut store, &mut listings[0], seen),
            Some(seen) = revisions.next() => revision(&mut store, &mut listings[1], seen),
            Some(seen) = slices.next() => slice(&mut store, &mut listings[2], seen),
            else => return,
        }
        // One table for a whole list.
        if !listings.iter().any(Listing::is_under_way) {
            store.publish();
        }
        if listings.iter().all(Listing::is_whole)
            && let Some(synced) = synced.take()
        {
            store.publish();
            // Nobody waits for it when the process is ending.
            let _ = synced.send(());
        }
    }
}

fn app(store: &mut Store, listing: &mut Listing, seen: Seen<AppFacts>) {
    match seen {
        Seen::Here(key, facts) => store.app(key, facts),
        Seen::Gone(key, _) => store.no_app(&key),
        Seen::Listing => listing.begin(),
        Seen::Listed(key, facts) => {
            listing.note(&key);
            store.app(key, facts);
        }
        Seen::ListDone => store.keep_apps(&listing.done()),
    }
}

fn revision(store: &mut Store, listing: &mut Listing, seen: Seen<RevisionFacts>) {
    match seen {
        Seen::Here(key, facts) => store.revision(key, facts),
        Seen::Gone(key, _) => store.no_revision(&key),
        Seen::Listing => listing.begin(),
        Seen::Listed(key, facts) => {
            listing.note(&key);
            store.revision(key, facts);
        }
        Seen::ListDone => store.keep_revisions(&listing.done()),
    }
}

fn slice(store: &mut Store, listing: &mut Listing, seen: Seen<SliceFacts>) {
    match seen {
        Seen::Here(key, facts) => store.slice(key, facts),
        Seen::Gone(key, facts) => store.no_slice(&key, &facts.revision_uid),
        Seen::Listing => listing.begin(),
        Seen::Listed(key, facts) => {
            listing.note(&key);
            store.slice(key, facts);
        }
        Seen::ListDone => store.keep_slices(&listing.done()),
    }
}

/// The facts of objects of a kind, as they change. Objects without facts are passed over.
pub(crate) fn facts<K, F>(
    api: Api<K>,
    config: Config,
    read: fn(&K) -> Option<F>,
    shared: &Arc<Shared>,
) -> impl Stream<Item = Seen<F>> + use<K, F>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + 'static,
    F: 'static,
{
    let kind = K::kind(&());
    let shared = Arc::clone(shared);
    watcher(api, config.page_size(PAGE)).default_backoff().filter_map(move |event| {
        let seen = match event {
            Ok(event) => digest(event, read),
            Err(cause) => {
                shared.metrics.watch_errors.inc();
                complain(&kind, &cause);
                None
            }
        };
        std::future::ready(seen)
    })
}

fn digest<K: Resource, F>(event: Event<K>, read: fn(&K) -> Option<F>) -> Option<Seen<F>> {
    Some(match event {
        Event::Apply(object) => Seen::Here(key(object.meta()), read(&object)?),
        Event::Delete(object) => Seen::Gone(key(object.meta()), read(&object)?),
        Event::Init => Seen::Listing,
        Event::InitApply(object) => Seen::Listed(key(object.meta()), read(&object)?),
        Event::InitDone => Seen::ListDone,
    })
}

fn key(meta: &ObjectMeta) -> Key {
    Key::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

fn complain(kind: &str, cause: &watcher::Error) {
    // The last snapshot stays; the watch is begun again by itself.
    tracing::warn!(kind, %cause, "watch failed");
}
