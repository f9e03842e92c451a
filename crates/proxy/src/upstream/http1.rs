//! HTTP/1: one message at a time on a connection.

use std::{
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::{
    Cause, Lease as AnyLease, SendError,
    connection::{Connection, lost},
    driven::Driven,
    home::{BUFFER_MAX, Home},
};
use crate::{
    Body,
    body::Guard,
    forward::{Head, is_idempotent},
    net::Dial,
};

/// A connection unused for longer may be closing at this moment: a copy of the head is kept in case it is. Shorter
/// pauses are the hot path, where the copy would cost more than it saves.
const DOUBTFUL_AFTER: Duration = Duration::from_millis(100);

/// A connection in use: back to its home when the message is over, closed if it is dropped before.
pub(crate) struct Lease {
    connection: Option<Connection>,
    home: Arc<Home>,
}

impl Lease {
    /// Drives the connection until `look` finds something of it.
    pub(super) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match &mut self.connection {
            Some(connection) => connection.drive(cx, look),
            None => look(cx),
        }
    }

    pub(super) fn finished(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.go_home(Arc::clone(&self.home));
        }
    }

    pub(super) fn broken(&mut self) {
        self.connection = None;
        self.home.broke();
    }
}

pub(super) async fn send<D: Dial>(
    home: Arc<Home>,
    dial: &D,
    mut request: Request<Body>,
) -> Result<Response<Body>, SendError> {
    let upload = Upload::of(&mut request);
    while let Some((mut connection, unused)) = home.take() {
        let spare = (unused > DOUBTFUL_AFTER).then(|| copy(&request)).flatten();
        let mut error = match connection.exchange(request, &home).await {
            Ok(response) => return Ok(leased(response, connection, home, upload)),
            Err(error) => error,
        };
        // Not written, or (RFC 9110, 9.2.2) safe to write again: the next connection gets it.
        match error.take_message().or(spare.filter(|_| lost(&error))) {
            Some(again) => request = again,
            None => return Err(SendError::of(error)),
        }
    }
    // Boxed: it happens seldom, and every request would have the room for it.
    let mut connection = match Box::pin(open(&home, dial)).await {
        Ok(connection) => connection,
        Err(cause) => return Err(SendError::unsent(request, cause)),
    };
    match connection.exchange(request, &home).await {
        Ok(response) => Ok(leased(response, connection, home, upload)),
        Err(error) => Err(SendError::of(error)),
    }
}

async fn open<D: Dial>(home: &Home, dial: &D) -> Result<Connection, Cause> {
    let io = home.dial(dial).await?;
    let (sender, http) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(BUFFER_MAX)
        .handshake(TokioIo::new(io))
        .await
        .map_err(Cause::Http)?;
    Ok(Connection::new(sender, Driven::new(http.with_upgrades())))
}

/// A response's body drives its connection, and a reader who pauses stops it. What is still sent must not wait for that,
/// nor another protocol.
fn leased(response: Response<Incoming>, mut connection: Connection, home: Arc<Home>, upload: Upload) -> Response<Body> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS || !upload.is_over() {
        connection.let_go();
    }
    response.map(|body| {
        if body.is_end_stream() {
            connection.go_home(home);
            return Body::incoming(body);
        }
        Body::leased(body, AnyLease::Http1(Lease { connection: Some(connection), home }))
    })
}

/// Whether the body of a request is still being sent.
struct Upload(Option<Weak<()>>);

/// Kept as long as that body.
struct Sending(#[expect(dead_code, reason = "held")] Arc<()>);

impl Guard for Sending {}

impl Upload {
    fn of(request: &mut Request<Body>) -> Self {
        if request.body().is_end_stream() {
            return Self(None);
        }
        let sending = Arc::new(());
        let upload = Self(Some(Arc::downgrade(&sending)));
        request.body_mut().guard(Sending(sending));
        upload
    }

    fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(|sending| sending.strong_count() == 0)
    }
}

/// The request once more, if its method allows that and it has no body.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    if !is_idempotent(request.method()) || !request.body().is_end_stream() {
        return None;
    }
    Some(Head::of(request).with(Body::empty()))
}
