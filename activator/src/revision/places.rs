//! Who gets a place in a revision's pods: at once, or after a wait.

use std::sync::{Arc, atomic::Ordering};

use tokio::{sync::oneshot, time::Instant};

use super::{Revision, awake::Awake, live::Live};
use crate::{
    cold::ColdStart,
    hold::{
        Grant, Verdict, Waiter,
        queue::Number,
        share::{Cap, Load, PATIENCE},
    },
    metrics::Woke,
    pick::{self, Lease, Owner, Slot},
};

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

impl Owner for Revision {
    /// A place became free, or somebody's patience ended.
    fn place_free(&self) {
        if let Some(live) = self.line.lock_if_waiting() {
            let (mut live, now) = (Awake::of(live), Instant::now());
            self.release(&mut live, now);
            self.demand(&mut live, now);
        }
    }
}

impl Revision {
    /// A place in a pod, if one has room and nobody waits.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lease> {
        if self.line.waiting() > 0 {
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
        self.line.enter(&mut *live, number, Waiter { arrived, sender }, |live| self.release(live, now));
        self.demand(&mut live, now);
        Entered { number, cold, first, failing: live.failure.is_some(), receiver }
    }

    /// A request no longer waits: it was called, met its deadline (`end` says so), or its client left.
    pub(crate) fn leave(&self, number: Number, entered: Instant, end: Woke) {
        let metrics = self.metrics();
        metrics.held.dec();
        metrics.hold_seconds.observe(entered.elapsed().as_secs_f64());
        self.shared.metrics.held(end);
        let mut live = self.live();
        if !self.line.leave(&mut live.queue, number) {
            return;
        }
        if live.queue.is_empty() {
            live.woke(end);
            live.story = None;
        }
        self.demand(&mut live, Instant::now());
    }

    /// Gives places to those who are next, as long as pods may take more.
    pub(super) fn release(&self, live: &mut Live, now: Instant) {
        let ready = self.ready.load();
        if ready.is_empty() || live.queue.is_empty() {
            return;
        }
        // What moves from held to outstanding leaves the sum as it is, so the caps hold for the whole round.
        let load = self.load_of(&ready);
        let (patient, spent) = (live.cap(&load, true, now), live.cap(&load, false, now));
        // What the hub gave us of each pod first: then all activators together fill the pods evenly.
        let given = (self.limit == 0).then_some(Cap::Share(0));
        let find = |first: &Waiter| {
            let cap = if now < first.arrived + PATIENCE { patient } else { spent };
            let slot = pick::least(&ready, given, cap)?;
            Some(Lease::new(Arc::clone(slot), self.this()))
        };
        let Live { queue, story, woke, .. } = live;
        let give = |waiter: Waiter, lease| {
            let grant = Grant { lease, woke: *woke, story: story.take() };
            if let Err(Ok(grant)) = waiter.sender.send(Ok(grant)) {
                *story = grant.story;
                grant.lease.give_back();
            }
        };
        self.line.release(queue, find, give);
    }

    /// Tells everybody who waits that there will be no pod.
    pub(super) fn dismiss(&self, live: &mut Live, why: &Arc<str>) {
        // One that has just left does not mind.
        let tell = |waiter: Waiter, ()| drop(waiter.sender.send(Err(Arc::clone(why))));
        self.line.release(&mut live.queue, |_| Some(()), tell);
        live.woke(Woke::Failed);
        self.demand(live, Instant::now());
    }

    fn load_of(&self, ready: &[Arc<Slot>]) -> Load {
        Load {
            limit: self.limit,
            places: self.places.load(Ordering::Relaxed),
            desired: self.desired.load(Ordering::Relaxed),
            activators: self.activators.load(Ordering::Relaxed),
            ready: ready.len() as u32,
            held: self.line.waiting() as u32,
            outstanding: pick::outstanding(ready),
        }
    }
}
