//! One connection from its first byte to its end.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use ::http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, UPGRADE},
};
use futures_util::FutureExt;
use hyper::{body::Incoming, service::service_fn};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{
    House, Phase, Place, Server,
    http::Http,
    resets::{Resets, Unanswered},
    strict::Strict,
};
use crate::{
    Body,
    headers::Origin,
    net::Io,
    tls::{self, Identities, Secure},
};

/// The connection that a request came on. Whoever keeps a clone keeps the connection counted as live.
#[derive(Clone)]
pub struct ConnInfo {
    /// The other end.
    pub peer: SocketAddr,
    /// This end.
    pub local: SocketAddr,
    live: Arc<Live>,
}

impl ConnInfo {
    pub(super) const fn new(peer: SocketAddr, local: SocketAddr, live: Arc<Live>) -> Self {
        Self { peer, local, live }
    }

    /// What this connection's requests say about their origin; written once a connection.
    pub(crate) fn origin(&self) -> &Origin {
        self.live.origin.get_or_init(|| Origin::of(self.peer.ip(), self.local, self.secure().is_some()))
    }

    /// What is known of it if it is one over TLS.
    pub fn secure(&self) -> Option<&Secure> {
        self.live.secure.get().map(|secure| &**secure)
    }

    /// Ends when the listener's grace is over and everything has to stop.
    pub(crate) async fn cut(&self) {
        self.live.house.closing.cut().await;
    }
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.peer, self.local)
    }
}

/// What a connection occupies, and what its tasks share.
pub(super) struct Live {
    house: Arc<House>,
    /// A whole request head has arrived: from here on hyper's own timers watch.
    spoke: AtomicBool,
    origin: OnceLock<Origin>,
    secure: OnceLock<Box<Secure>>,
    pub(super) resets: Resets,
    _token: TaskTrackerToken,
}

impl Live {
    /// Takes over `place`, which is one of the house's.
    pub(super) fn new(house: Arc<House>, place: Place<'_>, token: TaskTrackerToken) -> Arc<Self> {
        place.house.forget();
        house.sockets.came(place.process);
        Arc::new(Self {
            house,
            spoke: AtomicBool::new(false),
            origin: OnceLock::new(),
            secure: OnceLock::new(),
            resets: Resets::default(),
            _token: token,
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.house.sockets.left();
        self.house.places.add_permits(1);
    }
}

/// Whether another protocol may follow the request. Refused, its client may still have spoken that protocol already,
/// which must not be taken for requests: the connection ends with the answer. h2c by upgrade, which Java's client asks
/// for at each beginning, is known to be refused, and its bytes are looked at (`strict`).
fn asks_for_tunnel<B>(request: &Request<B>) -> bool {
    let h2c = |protocol: &HeaderValue| protocol.as_bytes().eq_ignore_ascii_case(b"h2c");
    request.version() < Version::HTTP_2
        && (request.method() == Method::CONNECT || !request.headers().get_all(UPGRADE).iter().all(h2c))
}

/// Runs the connection over TLS. Must be a task's root future too.
pub(super) async fn run_tls<H, F, I>(server: Arc<Server<H>>, identities: Arc<dyn Identities>, io: I, info: ConnInfo)
where
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
    I: Io,
{
    let shaken = tokio::select! {
        biased;
        shaken = tls::shake(io, &*identities) => shaken,
        () = info.cut() => None,
    };
    if let Some((io, secure)) = shaken {
        info.live.secure.get_or_init(|| Box::new(secure));
        run(server, io, info).await;
    }
}

/// Runs the connection. Must be a task's root future: it counts on its waker never changing.
pub(super) async fn run<H, F, I>(server: Arc<Server<H>>, io: I, info: ConnInfo)
where
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
    I: Io,
{
    let live = Arc::clone(&info.live);
    let service = service_fn(|request| {
        info.live.spoke.store(true, Ordering::Relaxed);
        let tunnel = asks_for_tunnel(&request);
        let in_turns = (server.in_turns && request.version() < Version::HTTP_2).then(|| Arc::clone(&info.live.house));
        let unanswered = (request.version() == Version::HTTP_2).then(|| Unanswered::begin(&info.live));
        // Not an async block around it, which would make the future twice as large.
        (server.handler)(request, info.clone()).map(move |mut response| {
            if let Some(unanswered) = unanswered {
                unanswered.answered();
            }
            let last = tunnel || in_turns.is_some_and(|house| house.crowded.load(Ordering::Relaxed));
            if last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response.headers_mut().append(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        })
    });
    let mut http = Http::new(&server.versions, Strict::new(io), service);
    // hyper starts its head timer only once it knows the version, which a silent client never tells.
    let mut silence = pin!(tokio::time::sleep(server.head_timeout));
    let mut change = pin!(live.house.closing.changed());
    let mut known = Phase::Open;
    let mut watching = false;
    poll_fn(|cx| {
        loop {
            let phase = live.house.closing.phase();
            if phase != known {
                known = phase;
                if phase == Phase::Cut {
                    return Poll::Ready(());
                }
                http.graceful_shutdown();
                change.set(live.house.closing.changed());
                watching = false;
                continue;
            }
            if !watching {
                // Registered once, not at each poll: a notification wakes this task, and the phase is read above.
                watching = change.as_mut().poll(cx).is_pending();
                if !watching {
                    change.set(live.house.closing.changed());
                    continue;
                }
            }
            if http.poll(cx).is_ready() || live.resets.too_many() {
                return Poll::Ready(());
            }
            if !live.spoke.load(Ordering::Relaxed) && silence.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            return Poll::Pending;
        }
    })
    .await;
}
