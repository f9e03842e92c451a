//! One pod's places, without a lock.
//!
//! Between who makes room and who waits there is no lock, only [`Slot::mark`]: each writes to `outstanding` between its
//! own change and its look at the other's. Writes to one number stand in one order, and whoever writes later sees what the
//! earlier one did before.

use std::{net::SocketAddr, sync::Arc};

use proxy::sync::atomic::{AtomicU32, Ordering};

use crate::hold::share::Cap;

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
        self.outstanding.load(Ordering::Relaxed)
    }

    /// Sets our part of its places; under the revision's lock, so whoever waits looks after it.
    pub(crate) fn give(&self, share: u32) {
        self.share.store(share, Ordering::Relaxed);
    }

    /// Sets what we may have of its limit. If that is more than before, there is room: true.
    pub(super) fn tell(&self, places: u32) -> bool {
        let more = places > self.told.swap(places, Ordering::Relaxed);
        if more {
            self.mark();
        }
        more
    }

    pub(super) fn has_room(&self, cap: Cap) -> bool {
        self.outstanding() < self.places(cap)
    }

    /// Takes one place if there is one.
    pub(super) fn reserve(&self, cap: Cap) -> bool {
        let places = self.places(cap);
        let one_more = |taken| (taken < places).then_some(taken + 1);
        self.outstanding.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Takes one place if there is one; otherwise whoever makes room from now on sees that somebody waits.
    pub(super) fn reserve_or_be_seen(&self, cap: Cap) -> bool {
        self.mark();
        self.reserve(cap)
    }

    /// Gives one place back. What it has to show is in the number itself.
    pub(super) fn free(&self) {
        self.outstanding.fetch_sub(1, Ordering::Acquire);
    }

    /// A write that changes nothing: shows what was done before it, sees what those did who wrote earlier.
    fn mark(&self) {
        self.outstanding.fetch_add(0, Ordering::AcqRel);
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
}
