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
use hyper::{rt::Executor, server::conn::http2};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::task::coop::unconstrained;

use super::{
    gathered::Gathered,
    http::{Answer, Versions},
    strict::Strict,
};
use crate::net::Io;

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

/// A connection of HTTP/2 and its requests.
pub(super) struct Version2<I: Io, S: Answer> {
    connection: http2::Connection<TokioIo<Gathered<Strict<I>>>, S, Begun>,
    io: Gathered<Strict<I>>,
    streams: Streams,
}

impl<I: Io, S: Answer> Version2<I, S> {
    pub(super) fn new(versions: &Versions, io: Strict<I>, service: S) -> Self {
        let (begun, io) = (Begun::default(), Gathered::new(io));
        let http2 = versions.http2(begun.clone());
        let connection = http2.serve_connection(TokioIo::new(io.clone()), service);
        Self { connection, io, streams: Streams { begun, running: FuturesUnordered::new() } }
    }

    pub(super) fn graceful_shutdown(&mut self) {
        Pin::new(&mut self.connection).graceful_shutdown();
    }

    /// Answers first, so that what they write goes out now; then new requests.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.streams.poll(cx);
        let over = Pin::new(&mut self.connection).poll(cx).map(drop);
        if over.is_pending() {
            self.streams.poll(cx);
        }
        match self.io.poll_written(cx, self.streams.running.is_empty()) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => over,
        }
    }
}

/// All of them; dropped with the connection.
struct Streams {
    begun: Begun,
    running: FuturesUnordered<Stream>,
}

impl Streams {
    /// Drives those that can go on, and those that have begun.
    fn poll(&mut self, cx: &mut Context<'_>) {
        self.running.extend(self.begun.0.lock().drain(..));
        while let Poll::Ready(Some(())) = self.running.poll_next_unpin(cx) {}
    }
}
