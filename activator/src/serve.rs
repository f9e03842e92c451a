//! The life of a request, from the door to the end of its answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, SET_COOKIE},
};
use http_body::Body as _;
use hyper::body::Incoming;
use proxy::{
    Body, Failure,
    body::{Budget, Guard, ReadAhead},
    forward::{self, Failed, PLACES, REFUSED, Spare},
    headers::{self, Entry},
    listen::ConnInfo,
    net::{Dial, Tcp},
    upstream::{Pool, SendError},
};
use tokio::time::Instant;

use crate::{
    hold::{self, Held},
    metrics::Phase,
    outcomes::Counts,
    pick::Lease,
    retry::{Mishap, Mishaps, Verdict},
    revision::{Revision, Shared},
    route::{Ask, Door, Target, route},
    table::{Table, store::Tables},
};

/// Bytes of bodies that are kept in case they have to be sent once more: all together, and each.
const KEPT_TOTAL: usize = 64 << 20;
const KEPT_EACH: usize = 64 << 10;

/// Set on the answer to a request that found no pod.
pub(crate) const COLD_START: HeaderName = HeaderName::from_static("todoapp-cold-start");
/// W3C Server Timing.
pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What serving needs.
pub(crate) struct Activator<D: Dial = Tcp> {
    pub(crate) tables: Tables,
    pub(crate) shared: Arc<Shared>,
    pub(crate) kept: Arc<Budget>,
    pub(crate) pool: Pool<D>,
    entry: Entry,
    /// The end is near: clients that keep their connections are asked to make new ones, which lead to others.
    leaving: AtomicBool,
}

impl<D: Dial> Activator<D> {
    pub(crate) fn new(tables: Tables, shared: Arc<Shared>, pool: Pool<D>, entry: Entry) -> Arc<Self> {
        Arc::new(Self {
            tables,
            shared,
            pool,
            entry,
            kept: Budget::new(KEPT_TOTAL, KEPT_EACH),
            leaving: AtomicBool::new(false),
        })
    }

    /// From now on answers of HTTP/1 end their connections. A connection that is closed while its client begins to speak
    /// costs that client a request (RFC 9112, 9.5); one whose end was announced does not.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }
}

/// Kept until the answer is over: then the pod's place is free and the request is counted.
struct Answering {
    shared: Arc<Shared>,
    revision: Arc<Revision>,
    arrived: Instant,
    status: StatusCode,
    outcomes: Option<Arc<Counts>>,
    _lease: Lease,
}

impl Guard for Answering {
    fn broken(&mut self) {
        if let Some(outcomes) = &self.outcomes
            && !self.status.is_server_error()
        {
            outcomes.broke();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.shared.metrics.answered(self.status, self.arrived.elapsed());
        self.revision.answered(self.status);
    }
}

/// Answers a request that came in through `door`.
pub(crate) async fn serve<D: Dial>(
    activator: Arc<Activator<D>>,
    door: Door,
    request: Request<Incoming>,
    connection: ConnInfo,
) -> Response<Body> {
    let http1 = request.version() < Version::HTTP_2;
    let grpc = headers::grpc::is_grpc(request.headers());
    let patience = headers::grpc::timeout(request.headers()).filter(|_| grpc);
    let (arrived, held) = (Instant::now(), Held::default());
    let mut visit = Visit { activator, door, arrived, patience, routed: None, cookie: None, held };
    let mut response = match visit.answer(request, &connection).await {
        Ok(response) => response,
        Err(failure) => {
            visit.activator.shared.metrics.answered(failure.status(), visit.arrived.elapsed());
            if let Some(revision) = &visit.routed {
                revision.answered(failure.status());
                // What is left of bad requests by now is clients that left.
                if !matches!(failure, Failure::BadRequest(..)) {
                    visit.count(revision, failure.status());
                }
            }
            failure.answer(grpc)
        }
    };
    if http1 && visit.activator.leaving.load(Ordering::Relaxed) && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(cookie) = visit.cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A request while it has no answer.
struct Visit<D: Dial> {
    activator: Arc<Activator<D>>,
    door: Door,
    arrived: Instant,
    /// How long the client itself waits, if it says so.
    patience: Option<Duration>,
    routed: Option<Arc<Revision>>,
    /// What the client is told, so that it stays with the revision.
    cookie: Option<HeaderValue>,
    held: Held,
}

/// What a request that waits for a route said of it.
#[derive(Default)]
struct Asked {
    authority: String,
    headers: HeaderMap,
}

impl<D: Dial> Visit<D> {
    async fn answer(
        &mut self,
        mut request: Request<Incoming>,
        connection: &ConnInfo,
    ) -> Result<Response<Body>, Failure> {
        headers::check(&request)?;
        let authority = headers::authority(&request).unwrap_or_default();
        let ask = Ask { door: self.door, authority, headers: request.headers() };
        let target = route(&self.activator.tables.load(), ask)?;
        let asked = match target {
            Some(target) => {
                self.lead_to(target);
                Asked::default()
            }
            None => Asked { authority: authority.to_owned(), headers: request.headers().clone() },
        };
        let waits = headers::expects_continue(request.headers());
        let forwarded = self.activator.entry.admit(&mut request, connection.peer.ip())?;
        let passage = forward::outbound(&mut request, connection, forwarded);

        let (revision, lease, request) = match self.routed.as_ref().and_then(|routed| Some((routed, routed.take()?))) {
            Some((revision, lease)) => (Arc::clone(revision), lease, request.map(Body::incoming)),
            None => self.hold(&asked, request, waits).await?,
        };
        let (mut response, lease, sent) = self.send(&revision, lease, request).await?;
        lease.told(response.headers().get(PLACES).and_then(|places| places.to_str().ok()?.parse().ok()));

        let shared = &self.activator.shared;
        if self.held.was_in {
            tell_of_hold(&mut response, &self.held, self.arrived, sent, shared);
        }
        if self.held.first {
            shared.wakes.note(revision.labels(), self.arrived, sent, response.status().as_u16());
        }
        let (shared, arrived, status) = (Arc::clone(shared), self.arrived, response.status());
        let outcomes = self.count(&revision, status);
        let answering = Answering { shared, revision, arrived, status, outcomes, _lease: lease };
        Ok(forward::inbound(response, passage, connection, answering))
    }

    /// Counts the head of the answer where a release is under way.
    fn count(&self, revision: &Revision, status: StatusCode) -> Option<Arc<Counts>> {
        let outcomes = revision.outcomes()?;
        outcomes.answered(status, self.arrived.elapsed(), self.held.was_in);
        Some(outcomes)
    }

    fn lead_to(&mut self, Target { revision, cookie }: Target) -> &Arc<Revision> {
        self.cookie = cookie;
        self.routed.insert(revision)
    }

    /// Waits for a revision and a pod and reads the body meanwhile, by which a client that leaves is noticed. A client
    /// that `waits` for leave to send its body (RFC 9110, 10.1.1) gets it only from a pod.
    async fn hold(
        &mut self,
        asked: &Asked,
        request: Request<Incoming>,
        waits: bool,
    ) -> Result<(Arc<Revision>, Lease, Request<Body>), Failure> {
        let room = &self.activator.shared.room;
        let budget = self.routed.as_ref().map_or_else(|| room.of("", ""), |routed| routed.room()).bodies();
        let place = self.place(asked);
        if waits || request.body().is_end_stream() {
            let (revision, lease) = place.await?;
            return Ok((revision, lease, request.map(Body::incoming)));
        }
        let (parts, body) = request.into_parts();
        let mut ahead = ReadAhead::new(body, budget);
        let (revision, lease) = tokio::select! {
            place = place => place?,
            // Nobody reads this answer.
            _ = ahead.departed() => return Err(Failure::BadRequest(StatusCode::BAD_REQUEST, "the client left")),
        };
        Ok((revision, lease, Request::from_parts(parts, ahead.into_body())))
    }

    /// Waits at the door until what was asked for leads to a revision, and then for one of its pods.
    async fn place(&mut self, asked: &Asked) -> Result<(Arc<Revision>, Lease), Failure> {
        let revision = match self.routed.clone() {
            Some(revision) => revision,
            None => self.enter(asked).await?,
        };
        let lease = match revision.take() {
            Some(lease) => lease,
            None => self.wait(&revision).await?,
        };
        Ok((revision, lease))
    }

    async fn enter(&mut self, Asked { authority, headers }: &Asked) -> Result<Arc<Revision>, Failure> {
        let Activator { shared, tables, .. } = &*self.activator;
        let find = |table: &Table| route(table, Ask { door: self.door, authority, headers });
        let deadline = self.held_until(shared.hold_timeout);
        let target = hold::door::wait(&shared.room, tables, find, deadline, &mut self.held)
            .await
            .inspect_err(|failure| shared.metrics.rejected(failure.reason()))?;
        Ok(Arc::clone(self.lead_to(target)))
    }

    async fn wait(&mut self, revision: &Arc<Revision>) -> Result<Lease, Failure> {
        let shared = &self.activator.shared;
        let deadline = self.held_until(shared.hold_timeout.min(revision.request_timeout));
        hold::wait(revision, self.arrived, deadline, &mut self.held)
            .await
            .inspect_err(|failure| shared.metrics.rejected(failure.reason()))
    }

    /// Our own limit or the client's, whichever is shorter.
    fn held_until(&self, limit: Duration) -> Instant {
        self.arrived + self.patience.map_or(limit, |patience| patience.min(limit))
    }

    /// Sends the request to the pod of the lease, and to another one as long as that does no harm. Gives the head of the
    /// answer, the lease of the pod that gave it, and when the request went out.
    async fn send(
        &mut self,
        revision: &Arc<Revision>,
        mut lease: Lease,
        request: Request<Body>,
    ) -> Result<(Response<Body>, Lease, Instant), Failure> {
        let deadline = self.arrived + revision.request_timeout;
        let (spare, mut request) = Spare::of(request, &self.activator.kept);
        let mut mishaps = Mishaps::default();
        loop {
            let sent = Instant::now();
            let pool = &self.activator.pool;
            let attempt = forward::send(pool, lease.address(), revision.protocol, request, deadline).await;
            let mishap = match &attempt {
                Ok(response) if response.headers().contains_key(REFUSED) => Mishap::Refused,
                Err(Failed::Send(SendError::Unsent { cause, .. })) => Mishap::Unsent(cause),
                Err(Failed::Send(SendError::Refused(_))) => Mishap::Refused,
                Err(Failed::Send(SendError::Broken(_))) => Mishap::Broken,
                Ok(_) | Err(Failed::Timeout | Failed::ResponseStart | Failed::Idle) => {
                    return attempt.map(|head| (head, lease, sent)).map_err(Failure::from);
                }
            };
            let verdict = mishaps.judge(mishap, spare.is_idempotent());
            if verdict == Verdict::Elsewhere {
                revision.refused(lease.address());
            }
            let again = if verdict == Verdict::No { None } else { spare.again() };
            let Some(again) = again else {
                return attempt.map(|head| (head, lease, sent)).map_err(Failure::from);
            };
            self.activator.shared.metrics.retried(mishap.name());
            request = again;
            drop(lease);
            lease = match revision.take() {
                Some(lease) => lease,
                None => self.wait(revision).await?,
            };
        }
    }
}

/// Says in the answer, and counts, where the time of a held request went.
fn tell_of_hold(response: &mut Response<Body>, held: &Held, arrived: Instant, sent: Instant, shared: &Shared) {
    let app = sent.elapsed();
    let mut timing = format!("hold;dur={:.1}", millis(held.waited));
    if let Some(woke) = held.woke {
        let wake = woke.saturating_duration_since(arrived);
        timing = format!("{timing}, wake;dur={:.1}", millis(wake));
        shared.metrics.phase(Phase::Release, sent.saturating_duration_since(woke));
    }
    let timing = format!("{timing}, app;dur={:.1}", millis(app));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(timing) {
        // Appended: the app may have timings of its own.
        headers.append(SERVER_TIMING, value);
    }
    if held.cold {
        headers.insert(COLD_START, HeaderValue::from_static("true"));
        shared.metrics.phase(Phase::App, app);
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}
