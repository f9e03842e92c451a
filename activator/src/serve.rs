//! The life of a request, from the door to the end of its answer.

mod answering;
mod sending;
mod waiting;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, SET_COOKIE},
};
use http_body::Body as _;
use hyper::body::Incoming;
use proxy::{
    Body, Failure,
    body::Budget,
    error,
    forward::{self, PLACES},
    headers::{self, Outcome},
    listen::ConnInfo,
    net::{Dial, Tcp},
    upstream::Pool,
};
use runtime::durations::MethodLabel;
use tokio::time::Instant;

use crate::{
    access::Telling,
    hold::Held,
    outcomes::Counts,
    reception::Reception,
    revision::{Revision, Shared},
    route::{Ask, Door, Target, route},
    table::store::Tables,
};
use answering::Answering;
use sending::tell_of_hold;

/// Bytes of bodies that are kept in case they have to be sent once more: all together, and each.
const KEPT_TOTAL: usize = 64 << 20;
const KEPT_EACH: usize = 64 << 10;

/// What serving needs.
pub(crate) struct Activator<D: Dial = Tcp> {
    pub(crate) tables: Tables,
    pub(crate) shared: Arc<Shared>,
    pub(crate) kept: Arc<Budget>,
    pub(crate) pool: Pool<D>,
    pub(crate) reception: Reception,
    /// The end is near: clients that keep their connections are asked to make new ones, which lead to others.
    leaving: AtomicBool,
}

impl<D: Dial> Activator<D> {
    pub(crate) fn new(tables: Tables, shared: Arc<Shared>, pool: Pool<D>, reception: Reception) -> Arc<Self> {
        Arc::new(Self {
            tables,
            shared,
            pool,
            reception,
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

/// Answers a request that came in through `door`.
pub(crate) fn serve<D: Dial>(
    activator: Arc<Activator<D>>,
    door: Door,
    request: Request<Incoming>,
    connection: ConnInfo,
) -> impl Future<Output = Response<Body>> + Send {
    let http1 = request.version() < Version::HTTP_2;
    let grpc = headers::grpc::is_grpc(request.headers());
    let patience = headers::grpc::timeout(request.headers()).filter(|_| grpc);
    let (arrived, method) = (Instant::now(), MethodLabel::of(request.method()));
    let telling = activator.reception.access.as_ref().and_then(|access| access.sample(&request, &connection, arrived));
    let held = Held::default();
    let mut visit =
        Visit { activator, door, arrived, method, grpc, patience, routed: None, cookie: None, held, telling };
    // Not an async fn, whose future keeps its arguments twice.
    async move {
        let mut response = match visit.answer(request, &connection).await {
            Ok(response) => response,
            Err(failure) => {
                let metrics = &visit.activator.shared.metrics;
                metrics.answered(method, failure.status(), visit.arrived.elapsed());
                metrics.failed(failure.reason());
                if let Some(telling) = &mut visit.telling {
                    telling.answered(failure.status(), Some(failure.reason()));
                }
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
        if http1
            && visit.activator.leaving.load(Ordering::Relaxed)
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(cookie) = visit.cookie.take() {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

/// A request while it has no answer.
struct Visit<D: Dial> {
    activator: Arc<Activator<D>>,
    door: Door,
    arrived: Instant,
    method: MethodLabel,
    grpc: bool,
    /// How long the client itself waits, if it says so.
    patience: Option<Duration>,
    routed: Option<Arc<Revision>>,
    /// What the client is told, so that it stays with the revision.
    cookie: Option<HeaderValue>,
    held: Held,
    telling: Option<Box<Telling>>,
}

impl<D: Dial> Drop for Visit<D> {
    /// Whether it has an answer, failed or was left by its client.
    fn drop(&mut self) {
        if let (Some(telling), Some(revision)) = (&mut self.telling, &self.routed) {
            telling.routed(revision, &self.held);
        }
    }
}

/// What a request that waits for a route said of it.
#[derive(Default)]
struct Asked {
    authority: String,
    headers: HeaderMap,
}

impl Asked {
    fn of<B>(request: &mut Request<B>) -> Self {
        headers::own(request);
        let authority = headers::authority(request).unwrap_or_default().to_owned();
        Self { authority, headers: request.headers().clone() }
    }
}

impl<D: Dial> Visit<D> {
    async fn answer(
        &mut self,
        mut request: Request<Incoming>,
        connection: &ConnInfo,
    ) -> Result<Response<Body>, Failure> {
        headers::check(&request)?;
        if let Some(response) = self.activator.reception.meet(self.door, &request, connection)? {
            self.activator.shared.metrics.answered(self.method, response.status(), self.arrived.elapsed());
            if let Some(telling) = &mut self.telling {
                telling.answered(response.status(), None);
            }
            return Ok(response);
        }
        let authority = headers::authority(&request).unwrap_or_default();
        let ask = Ask { door: self.door, authority, headers: request.headers() };
        let target = route(&self.activator.tables.load(), ask)?;
        let asked = match target {
            Some(target) => {
                self.lead_to(target);
                Asked::default()
            }
            None => Asked::of(&mut request),
        };
        let waits = headers::expects_continue(request.headers());
        let forwarded = self.activator.reception.entry.admit(&mut request, connection.peer.ip())?;
        let passage = forward::outbound(&mut request, connection, forwarded);
        if let Some(telling) = &mut self.telling {
            telling.outbound(request.headers());
        }

        forward::emptied(&mut request, self.arrived + self.activator.shared.hold_timeout).await?;
        let (revision, lease, ahead) = match self.routed.as_ref().and_then(|routed| Some((routed, routed.take()?))) {
            Some((revision, lease)) => (Arc::clone(revision), lease, None),
            None => self.hold(&asked, &mut request, waits).await?,
        };
        let request = request.map(|body| match ahead {
            Some(ahead) => ahead.into_body(body),
            None => Body::incoming(body),
        });
        if let Some(story) = &mut self.held.story {
            story.released(request.headers());
        }
        // Boxed: what it takes to send a request is not to be in memory while it is held, or its connection idle.
        let (mut response, lease, sent) = Box::pin(self.send(&revision, lease, request)).await?;
        lease.told(response.headers().get(PLACES).and_then(|places| places.to_str().ok()?.parse().ok()));

        let shared = &self.activator.shared;
        if self.held.was_in {
            tell_of_hold(&mut response, &self.held, self.arrived, sent, shared);
        }
        if let Some(mut story) = self.held.story.take() {
            story.answered(sent, response.status().as_u16());
        }
        if self.held.first {
            shared.wakes.note(revision.labels(), self.arrived, sent, response.status().as_u16());
        }
        let (shared, arrived, method) = (Arc::clone(shared), self.arrived, self.method);
        let outcome = Outcome::of(&response, self.grpc);
        let outcomes = self.count(&revision, outcome.status());
        // A sidecar's answer instead of its app's.
        let reason = error::told(response.headers());
        if let Some(reason) = reason {
            shared.metrics.failed(reason);
        }
        let mut telling = self.telling.take();
        if let Some(telling) = &mut telling {
            telling.answered(response.status(), reason);
            telling.length(response.body().size_hint().exact());
            telling.routed(&revision, &self.held);
        }
        let answering = Answering { shared, revision, arrived, method, outcome, outcomes, telling, _lease: lease };
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
}
