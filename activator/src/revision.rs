//! The live state of one revision: its pods, who waits for them, and what the hub says. Survives new routing tables.
//!
//! The path of a warm request ([`Revision::take`]) takes no lock. Whoever waits, and whatever changes pods, goes
//! through one short lock. A place that becomes free looks whether somebody waits *after* it was given back, and a
//! waiter looks for a place *after* it stands in the queue: so one of the two always sees the other.

mod awake;
mod live;
mod told;

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::StatusCode;
use parking_lot::Mutex;
use proxy::meter::Meter;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};
use wire::{Protocol, Up};

use crate::{
    cold::ColdStart,
    demand::Say,
    hold::{
        Verdict,
        queue::{Number, Numbers, Waiter},
        room::{Part, Room},
        share::{Cap, Load},
    },
    metrics::{Metrics, RevisionMetrics, Woke},
    outcomes::Counts,
    pick::{self, Lease, Slot},
    table::{facts::RevisionFacts, key::Key},
    wakes::Wakes,
};
use awake::Awake;
use live::Live;

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
    waiting: AtomicUsize,
    live: Mutex<Option<Box<Live>>>,
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

/// What one who begins to wait gets.
pub(crate) struct Entered {
    pub(crate) number: Number,
    /// No pod was there.
    pub(crate) cold: bool,
    /// Nobody waited for the first pod yet: this one wakes the revision.
    pub(crate) first: bool,
    /// The revision is known to fail.
    pub(crate) failing: bool,
    pub(crate) receiver: oneshot::Receiver<Verdict>,
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
            waiting: AtomicUsize::new(0),
            live: Mutex::default(),
            metrics: OnceLock::new(),
            outcomes: ArcSwapOption::empty(),
            shared,
            this: this.clone(),
        })
    }

    /// A place in a pod, if one has room and nobody waits.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lease> {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let ready = self.ready.load();
        let cap = if self.limit > 0 {
            Cap::hard(self.limit, self.activators.load(Ordering::Relaxed))
        } else if ready.len() as u32 >= self.desired.load(Ordering::Relaxed) {
            Cap::Open
        } else {
            self.live().cap(&self.load_of(&ready), true, Instant::now())
        };
        let slot = pick::choose(&ready, cap)?;
        Some(Lease::new(Arc::clone(slot), Arc::clone(self)))
    }

    /// Lets a request into the queue. It may be called before this returns.
    /// `number` is its place in the order of arrival, if it had one before.
    pub(crate) fn enter(&self, arrived: Instant, number: Option<Number>) -> Entered {
        self.metrics().held.inc();
        let (sender, receiver) = oneshot::channel();
        let now = Instant::now();
        let mut live = self.live();
        let cold = self.ready.load().is_empty();
        let first = cold && live.waking.is_none();
        if first {
            live.waking = Some(ColdStart::new(Arc::clone(&self.shared), self.key.clone(), &self.app, now));
        }
        let number = number.unwrap_or_else(|| self.shared.numbers.next());
        live.queue.enter(Waiter { arrived, sender }, number);
        self.waiting.store(live.queue.len(), Ordering::SeqCst);
        self.release(&mut live, now);
        self.demand(&mut live, now);
        Entered { number, cold, first, failing: live.failure.is_some(), receiver }
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

    /// A request no longer waits: it was called, met its deadline (`end` says so), or its client left.
    pub(crate) fn leave(&self, number: Number, entered: Instant, end: Woke) {
        let metrics = self.metrics();
        metrics.held.dec();
        metrics.hold_seconds.observe(entered.elapsed().as_secs_f64());
        self.shared.metrics.held(end);
        let mut live = self.live();
        if !live.queue.leave(number) {
            return;
        }
        self.waiting.store(live.queue.len(), Ordering::SeqCst);
        if live.queue.is_empty() {
            live.woke(end);
            live.story = None;
        }
        self.demand(&mut live, Instant::now());
    }

    /// A place became free, or somebody's patience ended: calls those who are next.
    pub(crate) fn place_free(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let now = Instant::now();
            let mut live = self.live();
            self.release(&mut live, now);
            self.demand(&mut live, now);
        }
    }

    /// Why it cannot start, if so.
    pub(crate) fn failure(&self) -> Option<Arc<str>> {
        self.live.lock().as_ref()?.failure.clone()
    }

    /// Says to the hub how many wait, if any do.
    pub(crate) fn repeat_demand(&self) -> Option<Up> {
        let mut live = self.live.lock();
        let live = live.as_mut()?;
        let held = live.pace.repeat(live.queue.len() as u32, Instant::now())?;
        Some(self.demand_of(held))
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
        Awake::of(self.live.lock())
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

    fn load_of(&self, ready: &[Arc<Slot>]) -> Load {
        Load {
            limit: self.limit,
            places: self.places.load(Ordering::Relaxed),
            desired: self.desired.load(Ordering::Relaxed),
            activators: self.activators.load(Ordering::Relaxed),
            ready: ready.len() as u32,
            held: self.waiting.load(Ordering::SeqCst) as u32,
            outstanding: pick::outstanding(ready),
        }
    }

    fn demand_of(&self, held: u32) -> Up {
        Up::Demand { revision_uid: self.uid.to_string(), held }
    }

    /// Tells the hub about a changed number of waiters, at the pace that `demand` sets.
    fn demand(&self, live: &mut Live, now: Instant) {
        match live.pace.changed(live.queue.len() as u32, now) {
            Say::Nothing => {}
            Say::Now(held) => {
                (self.shared.tell)(self.demand_of(held));
                live.told();
            }
            Say::Later(at) => self.later(at, |revision| {
                let mut live = revision.live();
                let held = live.queue.len() as u32;
                if let Some(held) = live.pace.due(held, Instant::now()) {
                    (revision.shared.tell)(revision.demand_of(held));
                    live.told();
                }
            }),
        }
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
