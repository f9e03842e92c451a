//! Many requests on one connection of HTTP/2.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxy::{
    Body,
    listen::{self, Limits},
    net::{Accept, Accepted},
};
use support::*;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    sync::{Mutex, Semaphore},
};
use tokio_util::sync::CancellationToken;

const REQUESTS: usize = 32;
const ANSWER: usize = 2 << 10;

/// A stream that counts how often it is written to.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Gives one connection.
struct One(Mutex<Option<Counted>>);

impl Accept for One {
    type Io = Counted;

    async fn accept(&self) -> io::Result<Accepted<Counted>> {
        let address = ([127, 0, 0, 1], 1).into();
        match self.0.lock().await.take() {
            Some(io) => Ok(Accepted { io, peer: address, local: address }),
            None => std::future::pending().await,
        }
    }
}

/// Its one worker runs what was woken last before all else, as those of the programs do.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_that_are_ready_together_are_written_together() {
    let (client, server) = tokio::io::duplex(1 << 20);
    let (writes, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let listener = One(Mutex::new(Some(Counted(server, Arc::clone(&writes)))));
    let arrived = Arc::new(AtomicUsize::new(0));
    let (gate_of_all, arrivals) = (Arc::clone(&gate), Arc::clone(&arrived));
    let handler = move |_, _| {
        let waits = Arc::clone(&gate_of_all);
        arrivals.fetch_add(1, Ordering::Relaxed);
        async move {
            waits.acquire().await.unwrap().forget();
            // Larger than what h2 puts together itself.
            Response::new(Body::full("a".repeat(ANSWER)))
        }
    };
    let stop = CancellationToken::new();
    tokio::spawn(listen::serve(listener, handler, Limits::default(), stop.clone(), Duration::ZERO));

    let io = TokioIo::new(client);
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move { text(sender.send_request(get("http://app.example/")).await.unwrap()).await })
        })
        .collect();
    until(|| arrived.load(Ordering::Relaxed) == REQUESTS).await;
    let before = writes.load(Ordering::Relaxed);
    gate.add_permits(REQUESTS);
    for request in requests {
        assert_eq!(within(request).await.unwrap().len(), ANSWER);
    }
    let after = writes.load(Ordering::Relaxed) - before;
    assert!(after < REQUESTS / 2, "{after} writes for {REQUESTS} answers");
    stop.cancel();
}
