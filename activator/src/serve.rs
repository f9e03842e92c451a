//! The life of a request, from the door to the end of its answer.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use proxy::{
    Body, Failure,
    body::{Budget, ReadAhead},
    forward::{self, Failed, Forwarded},
    headers,
    listen::ConnInfo,
    upstream::{Cause, SendError},
};
use tokio::time::Instant;

use crate::{
    hold::{self, Held},
    metrics::Phase,
    pick::Lease,
    revision::{Revision, Shared},
    route::{Door, route},
    table::store::Tables,
};

/// Bytes of bodies that held requests may have in memory: all together, and each.
const AHEAD_TOTAL: usize = 64 << 20;
const AHEAD_EACH: usize = 64 << 10;
/// Kept-alive connections of one pod that may turn out to be closed before the pod itself is doubted.
const STALE_MAX: u32 = 3;

/// Set on the answer to a request that found no pod.
pub(crate) const COLD_START: HeaderName = HeaderName::from_static("todoapp-cold-start");
/// W3C Server Timing.
pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What serving needs.
pub(crate) struct Activator {
    pub(crate) tables: Tables,
    pub(crate) shared: Arc<Shared>,
    pub(crate) budget: Arc<Budget>,
}

impl Activator {
    pub(crate) fn new(tables: Tables, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { tables, shared, budget: Budget::new(AHEAD_TOTAL, AHEAD_EACH) })
    }
}

/// Kept until the answer is over: then the pod's place is free and the request is counted.
struct Answering {
    shared: Arc<Shared>,
    revision: Arc<Revision>,
    arrived: Instant,
    status: StatusCode,
    _lease: Lease,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.shared.metrics.answered(self.status, self.arrived.elapsed());
        self.revision.answered(self.status);
    }
}

/// Answers a request that came in through `door`.
pub(crate) async fn serve(
    activator: Arc<Activator>,
    door: Door,
    request: Request<Incoming>,
    connection: ConnInfo,
) -> Response<Body> {
    let arrived = Instant::now();
    let mut routed = None;
    match answer(&activator, door, request, &connection, arrived, &mut routed).await {
        Ok(response) => response,
        Err(failure) => {
            activator.shared.metrics.answered(failure.status(), arrived.elapsed());
            if let Some(revision) = routed {
                revision.answered(failure.status());
            }
            failure.into_response()
        }
    }
}

async fn answer(
    activator: &Activator,
    door: Door,
    mut request: Request<Incoming>,
    connection: &ConnInfo,
    arrived: Instant,
    routed: &mut Option<Arc<Revision>>,
) -> Result<Response<Body>, Failure> {
    headers::check(&request)?;
    let authority = headers::authority(&request).unwrap_or_default();
    let revision = Arc::clone(routed.insert(route(&activator.tables.load(), door, authority)?));
    let waits = headers::expects_continue(request.headers());
    let passage = forward::outbound(&mut request, connection, Forwarded::Overwrite);

    let timing = Timing::new(arrived, &revision, activator.shared.hold_timeout);
    let mut held = Held::default();
    let (lease, request) = match revision.take() {
        Some(lease) => (lease, request.map(Body::incoming)),
        None => hold(activator, &revision, request, &timing, waits, &mut held).await?,
    };
    let (mut response, lease, sent) = send(activator, &revision, lease, request, &timing, &mut held).await?;

    if held.number.is_some() {
        tell_of_hold(&mut response, &held, arrived, sent, &activator.shared);
    }
    if held.first {
        activator.shared.wakes.note(revision.labels(), arrived, sent, response.status().as_u16());
    }
    let shared = Arc::clone(&activator.shared);
    let answering = Answering { shared, revision, arrived, status: response.status(), _lease: lease };
    Ok(forward::inbound(response, passage, connection, answering))
}

/// A request's limits in time.
struct Timing {
    arrived: Instant,
    /// Of waiting for a pod.
    hold: Instant,
    /// Of everything.
    deadline: Instant,
}

impl Timing {
    fn new(arrived: Instant, revision: &Revision, hold_timeout: Duration) -> Self {
        Self {
            arrived,
            hold: arrived + hold_timeout.min(revision.request_timeout),
            deadline: arrived + revision.request_timeout,
        }
    }
}

/// Waits for a pod and reads the body meanwhile, by which a client that leaves is noticed. A client that `waits` for
/// leave to send its body (RFC 9110, 10.1.1) gets it only from a pod.
async fn hold(
    activator: &Activator,
    revision: &Arc<Revision>,
    request: Request<Incoming>,
    timing: &Timing,
    waits: bool,
    held: &mut Held,
) -> Result<(Lease, Request<Body>), Failure> {
    let place = wait(activator, revision, timing, held);
    if waits || request.body().is_end_stream() {
        return Ok((place.await?, request.map(Body::incoming)));
    }
    let (parts, body) = request.into_parts();
    let mut ahead = ReadAhead::new(body, Arc::clone(&activator.budget));
    let lease = tokio::select! {
        lease = place => lease?,
        // Nobody reads this answer.
        _ = ahead.departed() => return Err(Failure::BadRequest(StatusCode::BAD_REQUEST, "the client left")),
    };
    Ok((lease, Request::from_parts(parts, ahead.into_body())))
}

async fn wait(
    activator: &Activator,
    revision: &Arc<Revision>,
    timing: &Timing,
    held: &mut Held,
) -> Result<Lease, Failure> {
    hold::wait(revision, timing.arrived, timing.hold, held)
        .await
        .inspect_err(|failure| activator.shared.metrics.rejected(failure.reason()))
}

/// Sends the request to the pod of the lease, and as long as nothing of it was sent to another one. Gives the head of
/// the answer, the lease of the pod that gave it, and when the request went out.
async fn send(
    activator: &Activator,
    revision: &Arc<Revision>,
    mut lease: Lease,
    mut request: Request<Body>,
    timing: &Timing,
    held: &mut Held,
) -> Result<(Response<Body>, Lease, Instant), Failure> {
    let mut stale = 0;
    loop {
        let sent = Instant::now();
        let pool = &activator.shared.pool;
        match forward::send(pool, lease.address(), revision.protocol, request, timing.deadline).await {
            Ok(response) => return Ok((response, lease, sent)),
            Err(Failed::Send(SendError::Unsent { request: whole, cause })) => {
                request = *whole;
                stale += 1;
                if !matches!(cause, Cause::Http(_)) || stale > STALE_MAX {
                    revision.refused(lease.address());
                }
            }
            Err(failed) => return Err(failed.into()),
        }
        drop(lease);
        lease = match revision.take() {
            Some(lease) => lease,
            None => wait(activator, revision, timing, held).await?,
        };
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
