//! The right to use a pod.

use std::{net::SocketAddr, sync::Arc};

use super::Slot;
use crate::revision::Revision;

/// Who has pods, and those who wait for them.
pub(crate) trait Owner {
    /// There may be room: calls those who are next.
    fn place_free(&self);
}

/// A place in one pod: the request that has it may be sent there. Given back when dropped, to those who wait first.
#[derive(Debug)]
pub(crate) struct Lease<O: Owner = Revision> {
    slot: Arc<Slot>,
    owner: Option<Arc<O>>,
}

impl<O: Owner> Lease<O> {
    /// For a place that was reserved.
    pub(crate) fn new(slot: Arc<Slot>, owner: Arc<O>) -> Self {
        Self { slot, owner: Some(owner) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.slot.address
    }

    /// The pod's queue-proxy says how many places we may have there.
    pub(crate) fn told(&self, places: Option<u32>) {
        if places.is_some_and(|places| self.slot.tell(places))
            && let Some(owner) = &self.owner
        {
            owner.place_free();
        }
    }

    /// Gives the place back without waking anybody: for whoever holds the owner's lock.
    pub(crate) fn give_back(mut self) {
        self.owner = None;
    }
}

impl<O: Owner> Drop for Lease<O> {
    fn drop(&mut self) {
        self.slot.free();
        if let Some(owner) = &self.owner {
            owner.place_free();
        }
    }
}
