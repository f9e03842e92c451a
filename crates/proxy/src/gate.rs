//! The concurrency limit of one container: so many inside, ten times as many waiting in order, no more.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// The queue before the gate is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue before the gate is full")]
pub struct Full;

/// A place inside, until dropped.
#[derive(Debug)]
pub struct Permit {
    _place: Option<OwnedSemaphorePermit>,
}

impl Gate {
    /// Lets `limit` in at a time; 0 lets everybody in.
    pub fn new(limit: u32) -> Self {
        let limit = limit as usize;
        Self((limit > 0).then(|| {
            Arc::new(Bounded {
                places: Arc::new(Semaphore::new(limit)),
                waiting: AtomicUsize::new(0),
                waiting_max: limit * WAITERS_PER_PLACE,
            })
        }))
    }

    /// Waits for a place. Whoever stops waiting leaves the queue.
    ///
    /// # Errors
    /// [`Full`] at once if the queue is at its bound.
    pub async fn enter(&self) -> Result<Permit, Full> {
        let Some(gate) = &self.0 else {
            return Ok(Permit { _place: None });
        };
        // Permits are in stock only while nobody waits, so this overtakes no one.
        if let Ok(place) = Arc::clone(&gate.places).try_acquire_owned() {
            return Ok(Permit { _place: Some(place) });
        }
        let _waiter = Waiter::join(gate)?;
        let place = Arc::clone(&gate.places).acquire_owned().await.expect("the semaphore is never closed");
        Ok(Permit { _place: Some(place) })
    }

    /// Requests in the queue.
    pub fn waiting(&self) -> usize {
        self.0.as_ref().map_or(0, |gate| gate.waiting.load(Ordering::Relaxed))
    }
}

/// A place in the queue, until dropped.
struct Waiter<'a>(&'a Bounded);

impl<'a> Waiter<'a> {
    fn join(gate: &'a Bounded) -> Result<Self, Full> {
        gate.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < gate.waiting_max).then_some(waiting + 1)
            })
            .map(|_| Self(gate))
            .map_err(|_| Full)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
