//! The live state of one revision: its pods, who waits for them, and what the hub says. Survives new routing tables.
//!
//! The path of a warm request ([`Revision::take`]) takes no lock. Whoever waits, and whatever changes pods, goes
//! through one short lock, that of its line ([`Line`]).

mod awake;
mod live;
mod places;
mod telling;
mod told;

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::StatusCode;
use proxy::meter::Meter;
use tokio::time::{Instant, sleep_until};
use wire::{Protocol, Up};

pub(crate) use self::places::Entered;
use self::{awake::Awake, live::Live};
use crate::{
    cold::ColdStart,
    hold::{
        line::Line,
        queue::Numbers,
        room::{Part, Room},
    },
    metrics::{Metrics, RevisionMetrics},
    outcomes::Counts,
    pick::Slot,
    table::{
        facts::{RevisionFacts, Standing},
        key::Key,
    },
    wakes::Wakes,
};

/// Is told of a cold start that is over; under the lock of its revision, so at once.
pub(crate) type ColdStartHook = Box<dyn Fn(&ColdStart) + Send + Sync>;

/// What all revisions of the process share.
pub(crate) struct Shared {
    pub(crate) room: Room,
    pub(crate) hold_timeout: Duration,
    pub(crate) metrics: Metrics,
    pub(crate) wakes: Wakes,
    /// The order of arrival of all who wait.
    pub(crate) numbers: Numbers,
    /// The pods of every revision that sleeps.
    pub(crate) nobody: Arc<Vec<Arc<Slot>>>,
    /// Counts of outcomes that were begun.
    pub(crate) counts: AtomicU64,
    /// Who else is told of a cold start that is over.
    pub(crate) cold_start: Option<ColdStartHook>,
    /// To the hub; dropped when there is none.
    pub(crate) tell: Box<dyn Fn(Up) + Send + Sync>,
    /// A pod is gone: connections to it are not kept.
    pub(crate) retire: Box<dyn Fn(SocketAddr) + Send + Sync>,
}

/// One revision.
pub(crate) struct Revision {
    pub(crate) uid: Arc<str>,
    pub(crate) key: Key,
    pub(crate) app: Box<str>,
    pub(crate) protocol: Protocol,
    /// Hard limit of one pod, 0 = none.
    pub(crate) limit: u32,
    pub(crate) request_timeout: Duration,
    /// Counts the held.
    pub(crate) meter: Meter,
    places: AtomicU32,
    desired: AtomicU32,
    activators: AtomicU32,
    ready: ArcSwap<Vec<Arc<Slot>>>,
    line: Line<Option<Box<Live>>>,
    metrics: OnceLock<Box<RevisionMetrics>>,
    outcomes: ArcSwapOption<Counts>,
    shared: Arc<Shared>,
    this: Weak<Self>,
}

/// What the autoscaler wants of a revision; all 0 when the hub is away and nobody knows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Pods.
    pub(crate) replicas: u32,
    /// Activators that have requests for them.
    pub(crate) activators: u32,
    /// Requests that one pod should carry at a time, 0 = there is no such number.
    pub(crate) places: u32,
}

impl std::fmt::Debug for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Revision({} {})", self.key, self.uid)
    }
}

impl Revision {
    pub(crate) fn new(key: Key, facts: &RevisionFacts, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            uid: Arc::clone(&facts.uid),
            key,
            app: facts.app.clone(),
            protocol: facts.protocol,
            limit: facts.limit,
            request_timeout: facts.request_timeout,
            meter: Meter::new(),
            places: AtomicU32::new(0),
            desired: AtomicU32::new(0),
            activators: AtomicU32::new(1),
            ready: ArcSwap::new(Arc::clone(&shared.nobody)),
            line: Line::default(),
            metrics: OnceLock::new(),
            outcomes: ArcSwapOption::empty(),
            shared,
            this: this.clone(),
        })
    }

    /// Where its requests may wait.
    pub(crate) fn room(&self) -> Arc<Part> {
        self.shared.room.of(self.key.namespace(), &self.app)
    }

    /// A request is over.
    pub(crate) fn answered(&self, status: StatusCode) {
        self.metrics().answered(status);
    }

    /// Whether what it does for users is to be counted; one count goes on until this says no.
    pub(crate) fn count(&self, wanted: bool) {
        if wanted != self.outcomes.load().is_some() {
            let begin = || Arc::new(Counts::new(self.shared.counts.fetch_add(1, Ordering::Relaxed)));
            self.outcomes.store(wanted.then(begin));
        }
    }

    /// What counts its outcomes, if anything does.
    pub(crate) fn outcomes(&self) -> Option<Arc<Counts>> {
        self.outcomes.load_full()
    }

    /// Why it cannot start, if so.
    pub(crate) fn failure(&self) -> Option<Arc<str>> {
        self.line.lock().as_ref()?.failure.clone()
    }

    /// What is in the way of its first pod, if that may pass by itself.
    pub(crate) fn obstacle(&self) -> Option<String> {
        match &self.line.lock().as_ref()?.standing {
            Standing::Delayed(why) if self.ready.load().is_empty() => Some(why.clone().into()),
            _ => None,
        }
    }

    /// For `/debug/state`.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let ready = self.ready.load();
        let endpoint =
            |slot: &Arc<Slot>| serde_json::json!({"address": slot.address, "outstanding": slot.outstanding()});
        let live = self.live();
        let [namespace, app, revision] = self.labels();
        serde_json::json!({
            "namespace": namespace, "app": app, "revision": revision, "uid": &*self.uid,
            "endpoints": ready.iter().map(endpoint).collect::<Vec<_>>(),
            "held": live.queue.len(),
            "desired": self.desired.load(Ordering::Relaxed),
            "failure": live.failure.as_deref(),
        })
    }

    /// What is behind the lock.
    fn live(&self) -> Awake<'_> {
        Awake::of(self.line.lock())
    }

    fn this(&self) -> Arc<Self> {
        self.this.upgrade().expect("whoever calls has an Arc of it")
    }

    /// Namespace, app and name.
    pub(crate) fn labels(&self) -> [&str; 3] {
        [self.key.namespace(), &self.app, self.key.name()]
    }

    fn metrics(&self) -> &RevisionMetrics {
        self.metrics.get_or_init(|| Box::new(self.shared.metrics.revision(&self.labels())))
    }

    fn later(&self, at: Instant, what: impl FnOnce(&Self) + Send + 'static) {
        let this = self.this.clone();
        tokio::spawn(async move {
            sleep_until(at).await;
            if let Some(revision) = this.upgrade() {
                what(&revision);
            }
        });
    }
}
