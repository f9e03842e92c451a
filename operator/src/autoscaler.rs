//! The autoscaler of the leader: measurements and demand in, `spec.replicas` out.
//!
//! Owns what is known of load and pods ([`core::Core`], pure), the tick, and the writes. Decisions themselves are in
//! crate `scaling`; the streams on which measurements come are in `hub`. One lock guards the core and the outgoing
//! queues, so consequences leave in the order in which they were decided; nothing is awaited under it.

mod activator;
mod calendar;
pub mod core;
mod debug;
mod journal;
mod memory;
mod metrics;
mod revision;
mod scalein;
mod sender;
mod share;
mod specs;
mod starts;
#[cfg(test)]
pub(crate) mod tests;
mod wakes;
mod write;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::core::{Core, Effect, PeerId, Violation};
use crate::clock::Clock;
use crate::hub::Verifier;

pub use self::metrics::Metrics;
#[cfg(test)]
pub use self::scalein::VICTIM;
pub use self::scalein::{Candidate, Mark};

/// Time between two looks at every revision.
const TICK: Duration = Duration::from_secs(2);
/// Our count of seconds begins here, so that what senders replay from before our start has a place on it.
const ORIGIN: Duration = Duration::from_secs(100_000);

/// Writes the scale of a Deployment, and which of its pods are to go.
pub trait ScaleWriter: Send + Sync {
    /// The pods of the revision with this UID that the ReplicaSet controller counts, as far as they are known.
    fn pods(&self, uid: &str) -> Vec<Candidate>;
    /// Sets the deletion cost of a pod.
    fn mark<'a>(&'a self, namespace: &'a str, mark: &'a Mark) -> BoxFuture<'a, anyhow::Result<()>>;
    /// Deletes a pod of the revision with this UID; nothing to do for one that is not its own or is going already.
    fn delete<'a>(&'a self, uid: &'a str, pod: &'a str) -> BoxFuture<'a, anyhow::Result<()>>;
    /// Sets `spec.replicas` of the Deployment.
    fn scale<'a>(&'a self, namespace: &'a str, name: &'a str, replicas: u32) -> BoxFuture<'a, anyhow::Result<()>>;
}

/// A revision as the cluster has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionEntry {
    /// UID of the Revision object.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name, which is also that of its Deployment.
    pub name: String,
    /// How it may scale.
    pub spec: scaling::Spec,
    /// When it has more pods than its spec says.
    pub schedules: policy::Schedules,
    /// Whether traffic is routed to it.
    pub routed: bool,
    /// Whether it never had a ready pod.
    pub initial: bool,
}

/// The autoscaler of one term of leadership. Cheap to clone.
#[derive(Clone)]
pub struct Autoscaler {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    writer: Arc<dyn ScaleWriter>,
    verifier: Arc<dyn Verifier>,
    metrics: Metrics,
    clock: Clock,
    began: Instant,
    writers: TaskTracker,
    over: CancellationToken,
}

struct State {
    core: Core,
    links: HashMap<PeerId, Link>,
}

/// The way to one stream's task.
struct Link {
    queue: mpsc::Sender<Bytes>,
    close: CancellationToken,
}

impl Autoscaler {
    /// Begins a term. Its figures replace those of the former one in `metrics`.
    pub fn new(writer: Arc<dyn ScaleWriter>, verifier: Arc<dyn Verifier>, metrics: Metrics, clock: Clock) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { core: Core::new(ORIGIN), links: HashMap::new() }),
            writer,
            verifier,
            metrics,
            clock,
            began: Instant::now(),
            writers: TaskTracker::new(),
            over: CancellationToken::new(),
        });
        shared.metrics.show(&shared);
        Self { shared }
    }

    /// A revision exists, or changed.
    pub fn upsert(&self, entry: RevisionEntry) {
        self.shared.with(|core, now| core.upsert(now, entry));
    }

    /// A revision is gone.
    pub fn remove(&self, uid: &str) {
        self.shared.with(|core, _| core.remove(uid));
    }

    /// Revisions for which `keep` says no are gone.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.shared.with(|core, _| core.retain(keep));
    }

    /// The Deployment of a revision has `replicas` in its spec and `ready` ready ones. Until this has been said once,
    /// nothing is decided for the revision; the first `replicas` are taken as wanted.
    pub fn set_replicas(&self, uid: &str, replicas: u32, ready: u32) {
        self.shared.with(|core, now| core.set_replicas(now, uid, replicas, ready));
    }

    /// The revisions that have pods and scale by what those use, with the metric.
    pub fn by_usage(&self) -> Vec<(Arc<str>, scaling::Metric)> {
        self.shared.state.lock().core.by_usage()
    }

    /// What the pods of a revision use was read, or is not known.
    pub fn observe_usage(&self, uid: &str, usage: Option<scaling::Usage>) {
        self.shared.with(|core, now| core.observe_usage(now, uid, usage));
    }

    /// Wakes a revision as one request would that is answered at once; says how many pods are wanted then. None for a
    /// revision that nobody told of, or that has no Deployment.
    pub fn wake(&self, uid: &str) -> Option<u32> {
        self.shared.with(|core, now| core.wake(now, uid))
    }

    /// Looks at every revision each two seconds, until `shutdown`; then writes no more.
    pub async fn run(&self, shutdown: CancellationToken) {
        // Whoever ends this ends the writes: another may lead from then on.
        let _over = self.shared.over.clone().drop_guard();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let verifier = &self.shared.verifier;
            let clock = self.shared.clock.now();
            self.shared.with(|core, now| core.tick(now, clock, &|uid, address| verifier.confirms(uid, address)));
        }
        self.shared.over.cancel();
        self.shared.writers.close();
        self.shared.writers.wait().await;
    }

    /// The whole state, for people.
    pub fn debug(&self) -> serde_json::Value {
        let (now, clock) = (self.shared.now(), self.shared.clock.now());
        debug::state(&self.shared.state.lock().core, now, clock)
    }

    /// The last decisions on a revision, oldest first; none for one that nobody told of.
    pub fn decisions(&self, uid: &str) -> Vec<serde_json::Value> {
        let (now, clock) = (self.shared.now(), self.shared.clock.now());
        debug::decisions(&self.shared.state.lock().core, uid, now, clock)
    }

    /// Who decides whom to believe.
    pub fn verifier(&self) -> &dyn Verifier {
        &*self.shared.verifier
    }

    /// Figures.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// An activator has proved itself; what it is to be told goes to `queue`.
    pub fn join_activator(
        &self,
        epoch: u64,
        pod: String,
        queue: mpsc::Sender<Bytes>,
        close: CancellationToken,
    ) -> Seat {
        self.seat(queue, close, "activator", |core| core.join_activator(epoch, pod))
    }

    /// A queue-proxy has proved itself; `confirmed` says that the address is its own.
    pub fn join_pod(&self, pod: NewPod, queue: mpsc::Sender<Bytes>, close: CancellationToken) -> Seat {
        let NewPod { revision_uid, pod, address, epoch, confirmed } = pod;
        self.seat(queue, close, "queue-proxy", |core| core.join_pod(&revision_uid, pod, address, epoch, confirmed))
    }

    fn seat(
        &self,
        queue: mpsc::Sender<Bytes>,
        close: CancellationToken,
        kind: &'static str,
        join: impl FnOnce(&mut Core) -> PeerId,
    ) -> Seat {
        let mut state = self.shared.state.lock();
        let peer = join(&mut state.core);
        state.links.insert(peer, Link { queue, close });
        self.shared.carry_out(&mut state);
        self.shared.metrics.connections(kind).inc();
        Seat { shared: Arc::clone(&self.shared), peer, kind }
    }
}

/// A queue-proxy that has proved itself.
pub struct NewPod {
    /// UID of its revision.
    pub revision_uid: String,
    /// Name of the pod.
    pub pod: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process's life.
    pub epoch: u64,
    /// Whether the address is known to be its own.
    pub confirmed: bool,
}

/// A stream's place; dropping it says that the stream has ended.
pub struct Seat {
    shared: Arc<Shared>,
    peer: PeerId,
    kind: &'static str,
}

impl Seat {
    /// A message has come.
    ///
    /// # Errors
    /// When this kind of sender may not send it.
    pub fn message(&self, message: wire::Up) -> Result<(), Violation> {
        self.shared.with(|core, now| core.message(now, self.peer, message))
    }

    /// The sender's address has been confirmed.
    pub fn confirm(&self) {
        self.shared.with(|core, _| core.confirm(self.peer));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.with(|core, now| core.leave(now, self.peer));
        self.shared.state.lock().links.remove(&self.peer);
        self.shared.metrics.connections(self.kind).dec();
    }
}

impl Shared {
    fn now(&self) -> Duration {
        ORIGIN + self.began.elapsed()
    }

    /// Lets the core decide and carries out what follows.
    fn with<T>(self: &Arc<Self>, decide: impl FnOnce(&mut Core, Duration) -> T) -> T {
        let mut state = self.state.lock();
        let outcome = decide(&mut state.core, self.now());
        self.carry_out(&mut state);
        outcome
    }

    fn carry_out(self: &Arc<Self>, state: &mut State) {
        for effect in state.core.take_effects() {
            match effect {
                Effect::Tell { peer, frames } => {
                    if let Some(link) = state.links.get(&peer)
                        && link.queue.try_send(frames).is_err()
                        && !link.close.is_cancelled()
                    {
                        // Too slow: a new stream's opening says everything that is lost here.
                        self.metrics.closed("overflow").inc();
                        link.close.cancel();
                    }
                }
                Effect::Close { peer } => {
                    if let Some(link) = state.links.get(&peer) {
                        link.close.cancel();
                    }
                }
                Effect::Replace { uid, pod } => drop(self.writers.spawn(write::replace(Arc::clone(self), uid, pod))),
                Effect::Write { uid } => drop(self.writers.spawn(write::bring(Arc::clone(self), uid))),
            }
        }
        self.metrics.decided(&state.core.take_decided());
        self.metrics.ignored.inc_by(state.core.take_ignored());
    }
}
