//! HTTP/2: many streams on one connection.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tokio_util::io::InspectReader;

use super::{
    Cause, Lease as AnyLease, SendError,
    home::{Failures, Home},
};
use crate::{
    Body,
    net::{Dial, Io},
};

/// Connections that may turn out closed before one request is given up.
const TRIES: usize = 3;
/// Flow-control windows in bytes: what an answer may have in our memory unread.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
const SEND_BUFFER: usize = 128 << 10;
const PING_EVERY: Duration = Duration::from_secs(10);
const SETTINGS_PAUSE: Duration = Duration::from_millis(1);

/// A connection that requests share.
#[derive(Debug)]
pub(super) struct Shared {
    sender: SendRequest<Body>,
    streams: AtomicUsize,
    /// Streams that the peer allows; it may change its mind at any time.
    streams_max: Arc<AtomicUsize>,
    used: AtomicBool,
}

impl Shared {
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    pub(super) fn has_room(&self) -> bool {
        self.streams() < self.streams_max.load(Ordering::Relaxed)
    }

    pub(super) fn used_since_last_asked(&self) -> bool {
        self.streams() > 0 || self.used.swap(false, Ordering::Relaxed)
    }
}

/// One stream.
pub(crate) struct Lease(Option<Arc<Shared>>);

impl Lease {
    fn of(connection: Arc<Shared>) -> Self {
        connection.streams.fetch_add(1, Ordering::Relaxed);
        connection.used.store(true, Ordering::Relaxed);
        Self(Some(connection))
    }

    pub(super) fn finished(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.streams.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.finished();
    }
}

pub(super) async fn send<D: Dial>(
    home: Arc<Home>,
    dial: &D,
    mut request: Request<Body>,
) -> Result<Response<Body>, SendError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let connection = match connection(&home, dial).await {
            Ok(connection) => connection,
            Err(cause) => return Err(SendError::unsent(request, cause)),
        };
        let mut sender = connection.sender.clone();
        let lease = Lease::of(connection);
        match sender.try_send_request(request).await {
            Ok(response) => {
                return Ok(response.map(|body| Body::leased(body, AnyLease::Http2(lease))));
            }
            Err(mut error) => match error.take_message() {
                Some(again) if tries < TRIES => request = again,
                Some(again) => {
                    return Err(SendError::unsent(again, Cause::Http(error.into_error())));
                }
                None => return Err(SendError::of(error)),
            },
        }
    }
}

async fn connection<D: Dial>(home: &Home, dial: &D) -> Result<Arc<Shared>, Cause> {
    if let Some(connection) = home.join(false) {
        return Ok(connection);
    }
    let failures = home.failures.lock().count;
    let _turn = home.turn.acquire().await.expect("the semaphore is never closed");
    // Somebody else had the turn meanwhile: its success and its failure are ours as well.
    if let Some(connection) = home.join(!home.may_open()) {
        return Ok(connection);
    }
    let failed = *home.failures.lock();
    if failed.count != failures {
        let unknown = || io::Error::new(io::ErrorKind::NotConnected, "another request's attempt failed");
        return Err(Cause::Connect(failed.short.map_or_else(unknown, io::Error::other)));
    }
    // Boxed: it happens seldom, and every request would have the room for it.
    let opened = Box::pin(open(home, dial)).await;
    match &opened {
        Ok(connection) => home.add(Arc::clone(connection)),
        Err(cause) => {
            let mut failures = home.failures.lock();
            *failures = Failures { count: failures.count.wrapping_add(1), short: cause.shortage() };
        }
    }
    opened
}

/// Connects and waits for the peer's settings: only then is it known to speak HTTP/2, and how many streams it takes. No
/// request is at risk before.
async fn open<D: Dial>(home: &Home, dial: &D) -> Result<Arc<Shared>, Cause> {
    let patience = home.limits.connect_timeout;
    tokio::time::timeout(patience, handshake(home, dial)).await.unwrap_or(Err(Cause::ConnectTimeout))
}

async fn handshake<D: Dial>(home: &Home, dial: &D) -> Result<Arc<Shared>, Cause> {
    let (io, greeted) = greeted(home.dial(dial).await?);
    let (sender, mut connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_max_send_streams(0)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .handshake(TokioIo::new(io))
        .await
        .map_err(Cause::Http)?;
    let settled = async {
        if greeted.await.is_err() {
            // The connection is ending, and says why itself.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        over = &mut connection => return Err(no_http2(over.err())),
        () = settled => {}
    }
    while connection.current_max_send_streams() == 0 {
        // hyper reads in another task, which is about to have read the whole frame; or the peer wants no streams yet.
        tokio::select! {
            biased;
            over = &mut connection => return Err(no_http2(over.err())),
            () = tokio::time::sleep(SETTINGS_PAUSE) => {}
        }
    }
    let streams_max = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
    let told = Arc::clone(&streams_max);
    tokio::spawn(poll_fn(move |cx| {
        let over = Pin::new(&mut connection).poll(cx).map(drop);
        told.store(connection.current_max_send_streams(), Ordering::Relaxed);
        over
    }));
    Ok(Arc::new(Shared { sender, streams: AtomicUsize::new(0), streams_max, used: AtomicBool::new(true) }))
}

/// Tells when the other end says its first word, which in HTTP/2 is its settings (RFC 9113, 3.4).
fn greeted<I: Io>(io: I) -> (impl Io, oneshot::Receiver<()>) {
    let (first, greeted) = oneshot::channel();
    let mut first = Some(first);
    let io = InspectReader::new(io, move |bytes: &[u8]| {
        if !bytes.is_empty()
            && let Some(first) = first.take()
        {
            // Whoever listened may have stopped: the request was given up.
            let _ = first.send(());
        }
    });
    (io, greeted)
}

fn no_http2(cause: Option<hyper::Error>) -> Cause {
    cause.map_or_else(
        || {
            let why = "it ended before it had said that it speaks HTTP/2";
            Cause::Connect(io::Error::new(io::ErrorKind::ConnectionAborted, why))
        },
        Cause::Http,
    )
}
