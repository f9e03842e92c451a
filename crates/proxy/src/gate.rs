//! The concurrency limit of one container: so many inside, ten times as many waiting in order, no more.

mod peers;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::peers::Peers;

/// Waiters at most, as a multiple of the limit.
const WAITERS_PER_PLACE: usize = 10;

/// The gate. Cheap to clone; clones are one gate.
///
/// Tokio's semaphore hands a freed permit to the longest waiter and never to a newcomer, which is all that first come,
/// first served needs.
#[derive(Debug, Clone)]
pub struct Gate(Option<Arc<Bounded>>);

#[derive(Debug)]
struct Bounded {
    limit: u32,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    peers: Mutex<Peers>,
}

/// The queue before the gate is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue before the gate is full")]
pub struct Full;

/// A place inside, until dropped.
#[derive(Debug)]
pub struct Permit(Option<Inside>);

#[derive(Debug)]
struct Inside {
    gate: Arc<Bounded>,
    peer: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl Gate {
    /// Lets `limit` in at a time; 0 lets everybody in.
    pub fn new(limit: u32) -> Self {
        let places = limit as usize;
        Self((limit > 0).then(|| {
            Arc::new(Bounded {
                limit,
                places: Arc::new(Semaphore::new(places)),
                waiting: AtomicUsize::new(0),
                waiting_max: places * WAITERS_PER_PLACE,
                peers: Mutex::default(),
            })
        }))
    }

    /// Waits for a place for a request of `peer`. Whoever stops waiting leaves the queue.
    ///
    /// # Errors
    /// [`Full`] at once if the queue is at its bound.
    pub async fn enter(&self, peer: IpAddr) -> Result<Permit, Full> {
        let Some(gate) = &self.0 else {
            return Ok(Permit(None));
        };
        // Permits are in stock only while nobody waits, so this overtakes no one.
        if let Ok(place) = Arc::clone(&gate.places).try_acquire_owned() {
            return Ok(Permit(Some(Inside::new(gate, peer, place))));
        }
        let _waiter = Waiter::join(gate, peer)?;
        let place = Arc::clone(&gate.places).acquire_owned().await.expect("the semaphore is never closed");
        Ok(Permit(Some(Inside::new(gate, peer, place))))
    }

    /// Requests in the queue.
    pub fn waiting(&self) -> usize {
        self.0.as_ref().map_or(0, |gate| gate.waiting.load(Ordering::Relaxed))
    }
}

impl Permit {
    /// How many requests its peer may have inside now; `None`: any number.
    pub fn places(&self) -> Option<u32> {
        self.0.as_ref().map(|inside| inside.gate.peers.lock().places(inside.peer, inside.gate.limit))
    }
}

impl Inside {
    fn new(gate: &Arc<Bounded>, peer: IpAddr, place: OwnedSemaphorePermit) -> Self {
        gate.peers.lock().enters(peer);
        Self { gate: Arc::clone(gate), peer, _place: place }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.gate.peers.lock().leaves(self.peer);
    }
}

/// A place in the queue, until dropped.
struct Waiter<'a> {
    gate: &'a Bounded,
    peer: IpAddr,
}

impl<'a> Waiter<'a> {
    fn join(gate: &'a Bounded, peer: IpAddr) -> Result<Self, Full> {
        gate.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < gate.waiting_max).then_some(waiting + 1)
            })
            .map_err(|_| Full)?;
        gate.peers.lock().waits(peer);
        Ok(Self { gate, peer })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.gate.waiting.fetch_sub(1, Ordering::Relaxed);
        self.gate.peers.lock().stops_waiting(self.peer);
    }
}
