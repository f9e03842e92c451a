//! The life of a request, top to bottom.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use proxy::{
    Body, Failure, Sockets,
    body::{Budget, ReadAhead},
    forward::{self, Failed, Forwarded, PLACES, REFUSED, Times},
    gate::{Gate, Permit},
    headers::{self, Outcome},
    listen::ConnInfo,
    meter::Meter,
    net::Dial,
    upstream::{Cause, Pool, PoolLimits, SendError},
};
use tokio::time::Instant;
use wire::Protocol;

use crate::{
    config::Config,
    metrics::{Flight, Metrics},
    wear::Wear,
};

/// The app may be restarting: a refused connection is tried again for so long. Then the request is better off elsewhere.
const REFUSED_FOR: Duration = Duration::from_secs(1);
/// An app that is overrun drops what asks for a connection, and the kernel asks again after 1 and 3 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REFUSED_PAUSE: Duration = Duration::from_millis(20);
/// Of a free connection to the app. Many servers close theirs after 2 to 5 s, and a request must not meet that.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);
/// Bodies read while their requests wait in the gate: in all, and of one.
const AHEAD_TOTAL: usize = 1 << 20;
const AHEAD_EACH: usize = 64 << 10;

/// Where the app listens.
pub(crate) fn app_address(config: &Config) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, config.app_port))
}

/// What all requests share.
pub(crate) struct Sidecar<D: Dial> {
    app: SocketAddr,
    protocol: Protocol,
    timeout: Duration,
    head_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    pool: Pool<D>,
    gate: Gate,
    meter: Meter,
    metrics: Arc<Metrics>,
    wear: Arc<Wear>,
    ahead: Arc<Budget>,
    arrivals: AtomicU64,
}

impl<D: Dial> Sidecar<D> {
    /// Connections to the app.
    pub(crate) fn pool(dial: D, sockets: Arc<Sockets>) -> Pool<D> {
        let (idle_timeout, connect_timeout) = (IDLE_TIMEOUT, CONNECT_TIMEOUT);
        Pool::with_dial(PoolLimits { idle_timeout, connect_timeout, sockets, ..PoolLimits::default() }, dial)
    }

    pub(crate) fn new(
        config: &Config,
        pool: Pool<D>,
        meter: Meter,
        gate: Gate,
        metrics: Arc<Metrics>,
        wear: Arc<Wear>,
    ) -> Self {
        Self {
            app: app_address(config),
            protocol: config.protocol,
            timeout: config.request_timeout,
            head_timeout: config.response_start_timeout,
            idle_timeout: config.idle_timeout,
            pool,
            gate,
            meter,
            metrics,
            wear,
            ahead: Budget::new(AHEAD_TOTAL, AHEAD_EACH),
            arrivals: AtomicU64::new(0),
        }
    }

    /// Requests so far.
    pub(crate) fn arrivals(&self) -> u64 {
        self.arrivals.load(Ordering::Relaxed)
    }

    /// Requests in flight, those before the gate included.
    pub(crate) fn in_flight(&self) -> u32 {
        self.meter.now()
    }

    /// Answers one request, whatever happens.
    pub(crate) async fn serve(self: Arc<Self>, request: Request<Incoming>, info: ConnInfo) -> Response<Body> {
        self.arrivals.fetch_add(1, Ordering::Relaxed);
        let mut flight = Flight::new(request.method(), self.meter.enter(), Arc::clone(&self.metrics));
        let grpc = headers::grpc::is_grpc(request.headers());
        match self.answer(request, &info, &mut flight).await {
            Ok((response, passage)) => {
                flight.answered(Outcome::of(&response, grpc));
                let places = flight.places();
                let mut response = forward::inbound(response, passage, &info, flight);
                if let Some(places) = places {
                    response.headers_mut().insert(PLACES, places.into());
                }
                response
            }
            Err(failure) => {
                let (unsent, status) = (failure.is_unsent(), failure.status());
                let mut response = failure.answer(grpc);
                if unsent {
                    response.headers_mut().insert(REFUSED, HeaderValue::from_static("true"));
                }
                flight.answered(status.into());
                response.body_mut().guard(flight);
                response
            }
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        info: &ConnInfo,
        flight: &mut Flight,
    ) -> Result<(Response<Body>, forward::Passage), Failure> {
        let deadline = flight.started + self.timeout;
        headers::check(&request)?;
        // What the activator says of the client is right; who comes past it is told of as it is.
        let passage = forward::outbound(&mut request, info, Forwarded::Keep);
        forward::emptied(&mut request, deadline).await?;
        let (request, permit) = self.pass_gate(request, info.peer.ip(), deadline).await?;
        if !self.wear.admit() {
            return Err(Failure::Recycled);
        }
        flight.admitted(permit);
        let times = self.times(deadline);
        let response = self.forward(request.map(|body| times.watch(body)), &times).await?;
        Ok((response, passage))
    }

    /// Waits for a place in the app. Meanwhile the body is read a little, or a departed client would keep its place.
    async fn pass_gate(
        &self,
        mut request: Request<Incoming>,
        peer: IpAddr,
        deadline: Instant,
    ) -> Result<(Request<Body>, Permit), Failure> {
        let expects = headers::expects_continue(request.headers());
        let mut ahead = ReadAhead::new(Arc::clone(&self.ahead));
        let permit = tokio::select! {
            biased;
            entered = tokio::time::timeout_at(deadline, self.gate.enter(peer)) => entered
                .map_err(|_| Failure::RequestTimeout)?
                .map_err(|_| Failure::GateFull)?,
            _ = ahead.departed(request.body_mut()), if !expects => {
                return Err(Failure::BadRequest(StatusCode::BAD_REQUEST, "the client left"));
            }
        };
        Ok((request.map(|body| ahead.into_body(body)), permit))
    }

    /// The bounds of a request that the app gets now.
    fn times(&self, deadline: Instant) -> Times {
        let mut times = Times::from(deadline);
        if let Some(span) = self.head_timeout {
            times = times.head_within(span);
        }
        if let Some(span) = self.idle_timeout {
            times = times.idle_within(span);
        }
        times
    }

    async fn forward(&self, mut request: Request<Body>, times: &Times) -> Result<Response<Body>, Failure> {
        let mut refused_until = None;
        loop {
            let sent = forward::send(&self.pool, self.app, self.protocol, request, times.clone()).await;
            let failed = match sent {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let now = Instant::now();
            let until = *refused_until.get_or_insert(now + REFUSED_FOR);
            request = match failed {
                Failed::Send(SendError::Unsent { request, cause }) if now < until && may_come_back(&cause) => *request,
                Failed::Send(SendError::Unsent { cause, .. }) => {
                    let unreachable = || Failure::AppUnreachable(cause.to_string());
                    return Err(cause.shortage().map_or_else(unreachable, Failure::Exhausted));
                }
                failed => return Err(failed.into()),
            };
            tokio::time::sleep(REFUSED_PAUSE).await;
        }
    }
}

fn may_come_back(cause: &Cause) -> bool {
    matches!(cause, Cause::Connect(_) | Cause::Http(_))
}
