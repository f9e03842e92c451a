//! The concurrency limit of one container: so many inside, ten times as many waiting in order, no more.
//!
//! One short lock has all of it (`places.rs`); nobody is woken under it. `tests/gate_models.rs` tries every interleaving.

mod peers;
mod places;

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use self::places::{Number, Places};
use crate::sync::Mutex;

/// The gate. Cheap to clone; clones are one gate.
#[derive(Debug, Clone)]
pub struct Gate(Option<Arc<Mutex<Places>>>);

/// The queue before the gate is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue before the gate is full")]
pub struct Full;

/// A place inside, until dropped.
#[derive(Debug)]
pub struct Permit(Option<Inside>);

#[derive(Debug)]
struct Inside {
    places: Arc<Mutex<Places>>,
    peer: IpAddr,
}

impl Gate {
    /// Lets `limit` in at a time; 0 lets everybody in.
    pub fn new(limit: u32) -> Self {
        Self((limit > 0).then(|| Arc::new(Mutex::new(Places::new(limit)))))
    }

    /// Waits for a place for a request of `peer`. Whoever stops waiting leaves the queue.
    ///
    /// # Errors
    /// [`Full`] at once if the queue is at its bound.
    pub async fn enter(&self, peer: IpAddr) -> Result<Permit, Full> {
        match &self.0 {
            Some(places) => Enter { places, peer, number: None }.await.map(|inside| Permit(Some(inside))),
            None => Ok(Permit(None)),
        }
    }

    /// Requests in the queue.
    pub fn waiting(&self) -> usize {
        self.0.as_ref().map_or(0, |places| places.lock().waiting())
    }
}

impl Permit {
    /// How many requests its peer may have inside now; `None`: any number.
    pub fn places(&self) -> Option<u32> {
        self.0.as_ref().map(|inside| inside.places.lock().of(inside.peer))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let next = self.places.lock().leave(self.peer);
        if let Some(next) = next {
            next.wake();
        }
    }
}

/// A request before the gate.
struct Enter<'a> {
    places: &'a Arc<Mutex<Places>>,
    peer: IpAddr,
    /// Its place in the queue, as long as it does not know of one inside.
    number: Option<Number>,
}

impl Enter<'_> {
    fn inside(&self) -> Inside {
        Inside { places: Arc::clone(self.places), peer: self.peer }
    }
}

impl Future for Enter<'_> {
    type Output = Result<Inside, Full>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = context.waker();
        if let Some(number) = self.number {
            // What is replaced is dropped when the lock is open again: it may be the last that a task leaves behind.
            let replaced = self.places.lock().still_waits(number, waker);
            if replaced.is_some() {
                return Poll::Pending;
            }
            self.number = None;
        } else {
            let arrived = self.places.lock().arrive(self.peer, waker);
            self.number = arrived?;
            if self.number.is_some() {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(self.inside()))
    }
}

impl Drop for Enter<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let waited = self.places.lock().stop_waiting(number);
        if waited.is_none() {
            // It was called and has not seen it: the place goes on to the next.
            drop(self.inside());
        }
    }
}
