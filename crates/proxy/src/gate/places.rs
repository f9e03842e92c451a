//! Who is inside a gate and who waits before it. Pure: whom to wake is told, not done.

use std::{collections::BTreeMap, mem, net::IpAddr, task::Waker};

use super::{Full, peers::Peers};

/// Waiters at most, as a multiple of the limit.
const WAITERS_PER_PLACE: usize = 10;

/// A waiter's place in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(u64);

/// The state of a gate. A place is free only while nobody waits: one that is given back is the longest waiter's at once,
/// so no newcomer overtakes.
#[derive(Debug)]
pub(super) struct Places {
    limit: u32,
    inside: u32,
    peers: Peers,
    queue: BTreeMap<Number, Waiter>,
    next: Number,
}

#[derive(Debug)]
struct Waiter {
    peer: IpAddr,
    waker: Waker,
}

impl Places {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, inside: 0, peers: Peers::default(), queue: BTreeMap::new(), next: Number(0) }
    }

    /// Lets one in, or gives it a number to wait with until it is called by its waker.
    ///
    /// # Errors
    /// [`Full`] if the queue is at its bound.
    pub(super) fn arrive(&mut self, peer: IpAddr, waker: &Waker) -> Result<Option<Number>, Full> {
        if self.inside < self.limit {
            self.inside += 1;
            self.peers.enters(peer);
            return Ok(None);
        }
        if self.queue.len() >= self.limit as usize * WAITERS_PER_PLACE {
            return Err(Full);
        }
        let number = self.next;
        self.next = Number(number.0 + 1);
        self.queue.insert(number, Waiter { peer, waker: waker.clone() });
        self.peers.waits(peer);
        Ok(Some(number))
    }

    /// Changes the waker of one who waits; the old one, or `None` if it is inside by now.
    pub(super) fn still_waits(&mut self, number: Number, waker: &Waker) -> Option<Waker> {
        let waiter = self.queue.get_mut(&number)?;
        Some(mem::replace(&mut waiter.waker, waker.clone()))
    }

    /// Takes one out of the queue; its waker, or `None` if it is inside by now.
    pub(super) fn stop_waiting(&mut self, number: Number) -> Option<Waker> {
        let waiter = self.queue.remove(&number)?;
        self.peers.stops_waiting(waiter.peer);
        Some(waiter.waker)
    }

    /// One of `peer` leaves; who is inside now in its place, to be woken.
    pub(super) fn leave(&mut self, peer: IpAddr) -> Option<Waker> {
        self.peers.leaves(peer);
        let Some((_, next)) = self.queue.pop_first() else {
            self.inside -= 1;
            return None;
        };
        self.peers.stops_waiting(next.peer);
        self.peers.enters(next.peer);
        Some(next.waker)
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many places `peer` may have.
    pub(super) fn of(&self, peer: IpAddr) -> u32 {
        self.peers.places(peer, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn arrive(places: &mut Places, peer: IpAddr) -> Result<Option<Number>, Full> {
        places.arrive(peer, Waker::noop())
    }

    #[test]
    fn a_place_is_handed_to_the_longest_waiter() {
        let mut places = Places::new(1);
        assert_eq!(arrive(&mut places, A), Ok(None));
        let [first, second, third] = [A, B, A].map(|peer| arrive(&mut places, peer).unwrap().unwrap());
        assert!(places.stop_waiting(first).is_some());
        assert!(places.leave(A).is_some());
        assert!(places.still_waits(second, Waker::noop()).is_none(), "inside");
        assert!(places.still_waits(third, Waker::noop()).is_some());
        assert!(places.leave(B).is_some(), "the third");
        assert!(places.leave(A).is_none());
        assert_eq!(arrive(&mut places, B), Ok(None), "free again");
        assert_eq!((places.waiting(), places.of(B)), (0, 1));
    }

    #[test]
    fn the_queue_has_ten_for_each_place() {
        let mut places = Places::new(2);
        let numbers: Vec<_> = (0..22).map(|_| arrive(&mut places, A).unwrap()).collect();
        assert_eq!(arrive(&mut places, A), Err(Full));
        assert!(places.stop_waiting(numbers[7].unwrap()).is_some());
        assert!(arrive(&mut places, A).unwrap().is_some());
        assert_eq!(arrive(&mut places, A), Err(Full));
    }
}
