//! Choosing a pod: the less loaded of two random ones, without a lock; and the right to use it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{hold::share::Cap, revision::Revision};

/// One pod that takes requests, and how many of ours it has.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) address: SocketAddr,
    outstanding: AtomicU32,
    /// Our part of its places while more pods are to come; 0 = none given.
    share: AtomicU32,
    /// What its queue-proxy last said that we may have of a limit; 0 = nothing yet.
    told: AtomicU32,
}

impl Slot {
    pub(crate) fn new(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { address, outstanding: AtomicU32::new(0), share: AtomicU32::new(0), told: AtomicU32::new(0) })
    }

    pub(crate) fn outstanding(&self) -> u32 {
        self.outstanding.load(Ordering::SeqCst)
    }

    /// Sets our part of its places.
    pub(crate) fn give(&self, share: u32) {
        self.share.store(share, Ordering::Relaxed);
    }

    /// Most places that may be taken.
    fn places(&self, cap: Cap) -> u32 {
        match cap {
            Cap::Limit { limit, even } => match self.told.load(Ordering::Relaxed) {
                0 => even,
                told => told.min(limit),
            },
            Cap::Open => u32::MAX,
            Cap::Share(fallback) => match self.share.load(Ordering::Relaxed) {
                0 => fallback,
                given => given,
            },
        }
    }

    /// Takes one place if there is one.
    fn reserve(&self, cap: Cap) -> bool {
        let places = self.places(cap);
        self.outstanding
            .try_update(Ordering::SeqCst, Ordering::SeqCst, |taken| (taken < places).then_some(taken + 1))
            .is_ok()
    }
}

/// Sum over all pods.
pub(crate) fn outstanding(slots: &[Arc<Slot>]) -> u32 {
    slots.iter().map(|slot| slot.outstanding()).sum()
}

/// The less loaded of two random pods, or any with room if both are full; its place is taken.
pub(crate) fn choose(slots: &[Arc<Slot>], cap: Cap) -> Option<&Arc<Slot>> {
    match slots {
        [] => None,
        [only] => only.reserve(cap).then_some(only),
        _ => {
            let dice: u64 = rand::random();
            let count = slots.len();
            let first = (dice >> 32) as usize % count;
            // Another one than the first: one of the other places, counted from it.
            let second = (first + 1 + (dice as u32) as usize % (count - 1)) % count;
            let (a, b) = (&slots[first], &slots[second]);
            let (less, more) = if b.outstanding() < a.outstanding() { (b, a) } else { (a, b) };
            [less, more].into_iter().chain(slots).find(|slot| slot.reserve(cap))
        }
    }
}

/// The least loaded pod of all that have room, for an even release of many; its place is taken.
pub(crate) fn least(slots: &[Arc<Slot>], cap: Cap) -> Option<&Arc<Slot>> {
    let with_room = slots.iter().filter(|slot| slot.outstanding() < slot.places(cap));
    let slot = with_room.min_by_key(|slot| slot.outstanding())?;
    slot.reserve(cap).then_some(slot)
}

/// A place in one pod: the request that has it may be sent there. Given back when dropped, to those who wait first.
#[derive(Debug)]
pub(crate) struct Lease {
    slot: Arc<Slot>,
    revision: Option<Arc<Revision>>,
}

impl Lease {
    /// For a place that was reserved.
    pub(crate) fn new(slot: Arc<Slot>, revision: Arc<Revision>) -> Self {
        Self { slot, revision: Some(revision) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.slot.address
    }

    /// The pod's queue-proxy says how many places we may have there.
    pub(crate) fn told(&self, places: Option<u32>) {
        let Some(places) = places else { return };
        let before = self.slot.told.swap(places, Ordering::Relaxed);
        if places > before
            && let Some(revision) = &self.revision
        {
            revision.place_free();
        }
    }

    /// Gives the place back without waking anybody: for whoever holds the revision's lock.
    pub(crate) fn give_back(mut self) {
        self.revision = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slot.outstanding.fetch_sub(1, Ordering::SeqCst);
        if let Some(revision) = &self.revision {
            revision.place_free();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(taken: &[u32]) -> Vec<Arc<Slot>> {
        let slot = |(index, taken): (usize, &u32)| {
            let slot = Slot::new(([10, 0, 0, index as u8], 8012).into());
            slot.outstanding.store(*taken, Ordering::SeqCst);
            slot
        };
        taken.iter().enumerate().map(slot).collect()
    }

    #[test]
    fn of_two_the_less_loaded() {
        let slots = slots(&[5, 1]);
        for _ in 0..4 {
            assert_eq!(choose(&slots, Cap::Open).unwrap().address, slots[1].address);
        }
        assert_eq!(outstanding(&slots), 10);
    }

    #[test]
    fn never_beyond_the_cap() {
        let slots = slots(&[3, 3, 3, 2]);
        assert_eq!(choose(&slots, Cap::Limit { limit: 3, even: 3 }).unwrap().address, slots[3].address);
        assert!(choose(&slots, Cap::Limit { limit: 3, even: 3 }).is_none());
        assert!(least(&slots, Cap::Limit { limit: 3, even: 3 }).is_none());
        assert!(choose(&[], Cap::Limit { limit: 3, even: 3 }).is_none());
    }

    #[test]
    fn many_spread_evenly() {
        let slots = slots(&[0; 4]);
        for _ in 0..40 {
            least(&slots, Cap::Open).unwrap();
        }
        assert!(slots.iter().all(|slot| slot.outstanding() == 10));
        for _ in 0..400 {
            choose(&slots, Cap::Open).unwrap();
        }
        assert!(slots.iter().all(|slot| slot.outstanding().abs_diff(110) < 10));
    }
}
