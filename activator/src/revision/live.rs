//! The part of a revision that is behind its lock, and what happens under it.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::Instant;

use super::Revision;
use crate::{
    cold::ColdStart,
    demand::Pace,
    endpoints::Endpoints,
    hold::{
        Waiter,
        queue::Queue,
        share::{Cap, Load},
    },
    metrics::Woke,
    pick::Slot,
    table::facts::Standing,
};

/// Pods that have not come for this long are not waited for any more: the cluster may have no room for them.
const SHORTAGE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) endpoints: Endpoints,
    pub(super) queue: Queue<Waiter>,
    pub(super) pace: Pace,
    pub(super) standing: Standing,
    pub(super) failure: Option<Arc<str>>,
    /// Somebody waits for the first pod.
    pub(super) waking: Option<Box<ColdStart>>,
    /// The first pod is there; for the first one who gets a place in it.
    pub(super) story: Option<Box<ColdStart>>,
    /// When there was a pod again after there had been none.
    pub(super) woke: Option<Instant>,
    /// Pods known here: those that take requests, and those that have some of ours or are about to get one, from somebody who
    /// takes a place without a lock and reads the pods of a moment ago. Whoever it is has the slot in hand.
    slots: Vec<(SocketAddr, Weak<Slot>)>,
    /// When the autoscaler last wanted more.
    raised: Option<Instant>,
    /// The earliest time at which the endpoints are looked at again.
    timer: Option<Instant>,
}

impl Live {
    /// Whether a new one would say the same.
    pub(super) fn rests(&self) -> bool {
        let Self { endpoints, queue, pace, standing, failure, waking, story, woke: _, slots, raised, timer } = self;
        endpoints.is_empty()
            && queue.is_empty()
            && pace.rests()
            && *standing == Standing::Good
            && failure.is_none()
            && waking.is_none()
            && story.is_none()
            && slots.iter().all(|(_, slot)| slot.strong_count() == 0)
            && raised.is_none()
            && timer.is_none()
    }

    /// Most requests that one pod may have now.
    pub(super) fn cap(&self, load: &Load, patient: bool, now: Instant) -> Cap {
        let coming = self.raised.is_some_and(|raised| now < raised + SHORTAGE_MAX);
        load.cap(patient && coming)
    }

    /// The hub has been told of those who wait.
    pub(super) fn told(&mut self) {
        if let Some(cold) = &mut self.waking {
            cold.told.get_or_insert_with(Instant::now);
        }
    }

    /// The wait for the first pod is over.
    pub(super) fn woke(&mut self, how: Woke) {
        let Some(mut cold) = self.waking.take() else { return };
        cold.over(how, self.queue.len());
        // Its story goes on with the first request that is released.
        self.story = Some(cold).filter(|_| how == Woke::Ready && !self.queue.is_empty());
    }

    pub(super) fn desired_changed(&mut self, before: u32, desired: u32, now: Instant) {
        if desired > before {
            self.raised = Some(now);
        } else if desired == 0 {
            self.raised = None;
        }
    }
}

impl AsMut<Queue<Waiter>> for Live {
    fn as_mut(&mut self) -> &mut Queue<Waiter> {
        &mut self.queue
    }
}

impl Revision {
    /// Changes what is known of pods; publishes the result and calls waiters.
    pub(super) fn change(&self, what: impl FnOnce(&mut Live, Instant)) {
        let now = Instant::now();
        let mut live = self.live();
        what(&mut live, now);
        live.endpoints.forget(now);
        self.publish(&mut live, now);
        self.release(&mut live, now);
        self.demand(&mut live, now);
    }

    fn publish(&self, live: &mut Live, now: Instant) {
        let (addresses, next) = live.endpoints.available(now);
        self.look_again(live, next);
        let before = self.ready.load_full();
        if before.iter().map(|slot| slot.address).eq(addresses.iter().copied()) {
            return;
        }
        live.slots.retain(|(_, slot)| slot.strong_count() > 0);
        let mut ready = Vec::with_capacity(addresses.len());
        for address in addresses {
            let known = live.slots.iter().filter(|(known, _)| *known == address).find_map(|(_, slot)| slot.upgrade());
            let slot = known.unwrap_or_else(|| {
                let slot = Slot::new(address);
                live.slots.push((address, Arc::downgrade(&slot)));
                slot
            });
            slot.give(live.endpoints.share(address));
            ready.push(slot);
        }
        for slot in before.iter() {
            if !ready.iter().any(|other| other.address == slot.address) {
                (self.shared.retire)(slot.address);
            }
        }
        if before.is_empty() {
            live.woke = Some(now);
            live.failure = None;
        }
        let awake = !ready.is_empty();
        self.ready.store(if awake { Arc::new(ready) } else { Arc::clone(&self.shared.nobody) });
        if awake {
            live.woke(Woke::Ready);
        }
    }

    /// Asks for another look when endpoints change by time alone; one timer a revision, or an earlier one.
    fn look_again(&self, live: &mut Live, next: Option<Instant>) {
        let Some(next) = next else { return };
        if live.timer.is_some_and(|timer| timer <= next) {
            return;
        }
        live.timer = Some(next);
        self.later(next, move |revision| {
            revision.change(|live, _| {
                if live.timer == Some(next) {
                    live.timer = None;
                }
            });
        });
    }
}

#[cfg(test)]
impl Revision {
    /// What one reads who is about to take a place without a lock.
    pub(crate) fn read(&self) -> Arc<Vec<Arc<Slot>>> {
        self.ready.load_full()
    }
}
