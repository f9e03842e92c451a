//! Accepting connections: HTTP/1.1 and HTTP/2 on one port, by prior knowledge or over TLS with ALPN.
//!
//! Owns the bound on connections, their timeouts and their end. What a request means is the handler's business.
//!
//! Shutdown has three stages: no new connections; each connection ends when its requests have (h1 `Connection: close`,
//! h2 GOAWAY, upgraded ones when closed); what is left after the grace is cut.

mod closing;
mod connection;
mod gathered;
mod http;
mod many;
mod ports;
mod resets;
mod streams;
mod strict;

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::http::{Request, Response};
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::ports::Each;
use self::{
    closing::{Closing, Phase},
    connection::Live,
    http::Versions,
};
pub use self::{connection::ConnInfo, many::Many, ports::Ports};
use crate::{
    Body, Shortage, Sockets,
    net::{Accept, Accepted},
    tls::Identities,
};

/// Pause after a failed accept: out of descriptors is the usual cause, and spinning would not free any.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);
/// HTTP/2 flow-control windows in bytes: what one stream, one connection may have in our memory unread.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes that an HTTP/2 stream may have waiting to be sent.
const SEND_BUFFER: usize = 128 << 10;
/// Pings on a busy HTTP/2 connection find a dead peer; h2's own bounds against reset floods stay as they are, and `resets`
/// adds one.
const PING_EVERY: Duration = Duration::from_secs(20);

/// What a request's entry may add to its head: `Via`, trace, origin, `Host` and `Connection`. Of a trusted proxy's
/// addresses there may be more.
const ENTRY_FIELDS: usize = 8;
const ENTRY_BYTES: usize = 4 << 10;

/// Bounds of one listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, upgraded ones included; at the bound accepting pauses. The process has a bound of its own,
    /// of which one listener gets seven eighths at most.
    pub connections: usize,
    /// From the bound on until nobody waits, answers end their HTTP/1 connections, so that all have their turn: for peers that
    /// keep connections which they do not use, as our own pool does.
    pub in_turns: bool,
    /// For a whole request head to arrive, and for an idle keep-alive connection to say something.
    pub head_timeout: Duration,
    /// Bytes of a request head; also what is read of an HTTP/1 body at a time.
    pub head_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// Concurrent streams on one HTTP/2 connection.
    pub h2_streams: u32,
    /// What the process may have; its listeners share it.
    pub sockets: Arc<Sockets>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            in_turns: false,
            head_timeout: Duration::from_mins(1),
            head_bytes: 32 << 10,
            headers: 100,
            h2_streams: 256,
            sockets: Arc::default(),
        }
    }
}

impl Limits {
    /// For what another proxy of ours sends on: a head at its bounds, and what `headers` add to that. Whoever is let in
    /// there is not to be refused here, and nobody to be kept out by connections that are not used.
    #[must_use]
    pub fn behind_ours() -> Self {
        let first = Self::default();
        let (head_bytes, headers) = (first.head_bytes + ENTRY_BYTES, first.headers + ENTRY_FIELDS);
        Self { head_bytes, headers, in_turns: true, ..first }
    }
}

/// What is done with connections.
struct Server<H> {
    handler: H,
    versions: Versions,
    head_timeout: Duration,
    in_turns: bool,
}

impl<H> Server<H> {
    fn new(handler: H, limits: &Limits) -> Arc<Self> {
        let &Limits { head_timeout, in_turns, .. } = limits;
        Arc::new(Self { handler, versions: Versions::new(limits), head_timeout, in_turns })
    }
}

/// What the connections of one listener share: how many more there may be, and word of the end.
struct House {
    places: Semaphore,
    closing: Closing,
    /// The bound was met, and others may wait to be accepted since.
    crowded: AtomicBool,
    sockets: Arc<Sockets>,
}

/// Of a connection, in its house and in the process.
struct Place<'a> {
    house: SemaphorePermit<'a>,
    process: SemaphorePermit<'a>,
}

impl House {
    fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            places: Semaphore::new(limits.connections.min(limits.sockets.most_of_a_listener())),
            closing: Closing::default(),
            crowded: AtomicBool::new(false),
            sockets: Arc::clone(&limits.sockets),
        })
    }

    fn try_place(&self) -> Option<Place<'_>> {
        let place = self.places.try_acquire().ok().zip(self.sockets.try_place());
        if place.is_none() {
            self.sockets.note(Shortage::Connections);
            self.crowded.store(true, Ordering::Relaxed);
        }
        place.map(|(house, process)| Place { house, process })
    }

    async fn place(&self) -> Place<'_> {
        if let Some(place) = self.try_place() {
            return place;
        }
        let house = self.places.acquire().await.expect("the semaphore is never closed");
        Place { house, process: self.sockets.place().await }
    }

    /// Nobody could be accepted.
    fn refused(&self, cause: &io::Error) {
        if let Some(shortage) = Shortage::of(cause) {
            self.sockets.note(shortage);
        }
    }
}

/// Cuts the connections of a listener that is dropped, as the end of its process would.
struct CutOnDrop(Arc<House>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.closing.enter(Phase::Cut);
    }
}

/// Serves until `shutdown` is cancelled and then for at most `grace`. Returns how many connections were cut; dropped
/// before that, it cuts them all.
pub async fn serve<L, H, F>(
    listener: L,
    handler: H,
    limits: Limits,
    shutdown: CancellationToken,
    grace: Duration,
) -> usize
where
    L: Accept,
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let server = Server::new(handler, &limits);
    let run = move |io, info| connection::run(Arc::clone(&server), io, info);
    accept(listener, run, &limits, shutdown, grace).await
}

/// The same over TLS. A handshake occupies a place as a connection does.
pub async fn serve_tls<L, H, F>(
    listener: L,
    identities: Arc<dyn Identities>,
    handler: H,
    limits: Limits,
    shutdown: CancellationToken,
    grace: Duration,
) -> usize
where
    L: Accept,
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let server = Server::new(handler, &limits);
    let run = move |io, info| connection::run_tls(Arc::clone(&server), Arc::clone(&identities), io, info);
    accept(listener, run, &limits, shutdown, grace).await
}

/// Accepts, and begins a task for each connection.
async fn accept<L, R>(
    listener: L,
    run: impl Fn(L::Io, ConnInfo) -> R,
    limits: &Limits,
    shutdown: CancellationToken,
    grace: Duration,
) -> usize
where
    L: Accept,
    R: Future<Output = ()> + Send + 'static,
{
    let house = House::new(limits);
    let _cut = CutOnDrop(Arc::clone(&house));
    let tracker = TaskTracker::new();
    loop {
        let next = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            next = next(&listener, &house) => next,
        };
        match next {
            Ok((Accepted { io, peer, local }, place)) => {
                let live = Live::new(Arc::clone(&house), place, tracker.token());
                tokio::spawn(run(io, ConnInfo::new(peer, local, live)));
            }
            Err(cause) => {
                house.refused(&cause);
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    finish(&house.closing, &tracker, grace).await
}

async fn next<'a, L: Accept>(listener: &L, house: &'a House) -> io::Result<(Accepted<L::Io>, Place<'a>)> {
    let place = house.place().await;
    if let Some(accepted) = listener.accept().now_or_never() {
        return Ok((accepted?, place));
    }
    house.crowded.store(false, Ordering::Relaxed);
    Ok((listener.accept().await?, place))
}

async fn finish(closing: &Closing, tracker: &TaskTracker, grace: Duration) -> usize {
    tracker.close();
    closing.enter(Phase::Closing);
    if tokio::time::timeout(grace, tracker.wait()).await.is_ok() {
        return 0;
    }
    let cut = tracker.len();
    closing.enter(Phase::Cut);
    // Each task ends at its next poll, but a handler that still owns a connection's token may hold on to it.
    let _ = tokio::time::timeout(Duration::from_millis(100), tracker.wait()).await;
    cut
}
