//! What the fuzz targets reach of this crate; in no other build.

use std::sync::{Arc, atomic::AtomicU64};

use http::HeaderMap;
use proxy::Failure;

use crate::{
    hold::{
        queue::Numbers,
        room::{Bounds, Room},
    },
    metrics::Metrics,
    revision::Shared,
    revisions::Revisions,
    route::{Ask, Door, route},
    table::{
        facts::{AppFacts, RevisionFacts},
        key::Key,
        lean::{LeanApp, LeanRevision},
        store::{Store, Tables},
    },
    wakes::Wakes,
};

/// Where a request is led.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// To this revision, as `NAMESPACE/NAME`.
    Revision(String),
    /// It waits for a revision of the app that was found.
    Waits,
    /// The app that was found has nothing to run.
    NoRevision,
    /// Nowhere.
    NoRoute,
}

/// An activator's routing alone, fed with objects as the API server gives them.
pub struct Routing {
    store: Store,
    tables: Tables,
}

impl Default for Routing {
    fn default() -> Self {
        let bounds = Bounds { count: 1, bytes: 1, namespace_percent: 100, app_percent: 100 };
        let shared = Arc::new(Shared {
            room: Room::new(bounds),
            hold_timeout: std::time::Duration::ZERO,
            metrics: Metrics::new(&prometheus::Registry::new()),
            wakes: Wakes::new(Arc::new(std::time::SystemTime::now)),
            numbers: Numbers::default(),
            nobody: Arc::default(),
            counts: AtomicU64::new(0),
            cold_start: None,
            tell: Box::new(drop),
            retire: Box::new(|_| {}),
        });
        let tables = Tables::new();
        Self { store: Store::new(Arc::new(Revisions::new(shared)), tables.clone()), tables }
    }
}

impl Routing {
    /// A `TodoApp` is there.
    ///
    /// # Errors
    /// It cannot be read, so that the watch would pass it over.
    pub fn app(&mut self, object: serde_json::Value) -> serde_json::Result<()> {
        let app: LeanApp = serde_json::from_value(object)?;
        self.store.app(key(&app), AppFacts::of(&app));
        Ok(())
    }

    /// A `Revision` is there.
    ///
    /// # Errors
    /// As [`Self::app`].
    pub fn revision(&mut self, object: serde_json::Value) -> serde_json::Result<()> {
        let revision: LeanRevision = serde_json::from_value(object)?;
        self.store.revision(key(&revision), RevisionFacts::of(&revision));
        Ok(())
    }

    /// A `TodoApp` is gone.
    pub fn no_app(&mut self, namespace: &str, name: &str) {
        self.store.no_app(&Key::new(namespace, name));
    }

    /// A `Revision` is gone.
    pub fn no_revision(&mut self, namespace: &str, name: &str) {
        self.store.no_revision(&Key::new(namespace, name));
    }

    /// Makes a new table of all that is there.
    pub fn publish(&mut self) {
        self.store.publish();
    }

    /// Asks the table; without a port at the public door.
    pub fn ask(&self, port: Option<u16>, authority: &str, headers: &HeaderMap) -> Answer {
        let door = port.map_or(Door::Public, Door::Port);
        match route(&self.tables.load(), Ask { door, authority, headers }) {
            Ok(Some(target)) => Answer::Revision(target.revision.key.to_string()),
            Ok(None) => Answer::Waits,
            Err(Failure::NoRevision(_)) => Answer::NoRevision,
            Err(_) => Answer::NoRoute,
        }
    }
}

fn key(object: &impl kube::Resource) -> Key {
    let meta = object.meta();
    Key::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}
