//! The requests of one HTTP/2 connection, in its own task.
//!
//! In tasks of their own each answer would be written as soon as it is there. Here all that came meanwhile is written at
//! once, with one call of the kernel; a connection then keeps one core busy at most, as in other proxies.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::task::coop::unconstrained;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Those that have begun and are not yet driven.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<Mutex<Vec<Stream>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, stream: F) {
        // A stream ends its turn when its window is full; the budget of a whole task is too small for all of them.
        self.0.lock().push(Box::pin(unconstrained(stream)));
    }
}

/// All of them; dropped with the connection.
pub(super) struct Streams {
    begun: Begun,
    running: FuturesUnordered<Stream>,
}

impl Streams {
    pub(super) fn new(begun: Begun) -> Self {
        Self { begun, running: FuturesUnordered::new() }
    }

    /// Drives those that can go on, and those that have begun.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        self.running.extend(self.begun.0.lock().drain(..));
        while let Poll::Ready(Some(())) = self.running.poll_next_unpin(cx) {}
    }
}
