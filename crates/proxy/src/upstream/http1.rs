//! HTTP/1: one message at a time on a connection.

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1::SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::{
    Cause, Lease as AnyLease, SendError,
    home::{BUFFER_MAX, Home},
};
use crate::{
    Body,
    forward::{Head, is_idempotent},
    net::Dial,
};

/// A connection unused for longer may be closing at this moment: a copy of the head is kept in case it is. Shorter
/// pauses are the hot path, where the copy would cost more than it saves.
const DOUBTFUL_AFTER: Duration = Duration::from_millis(100);

/// A free connection.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) sender: SendRequest<Body>,
    pub(super) since: Instant,
}

/// A connection in use: back to its home when the message is over, closed if it is dropped before.
pub(crate) struct Lease {
    sender: Option<SendRequest<Body>>,
    home: Arc<Home>,
}

impl Lease {
    pub(super) fn finished(&mut self) {
        if let Some(sender) = self.sender.take() {
            self.home.put(sender);
        }
    }

    pub(super) fn broken(&mut self) {
        self.sender = None;
    }
}

pub(super) async fn send<D: Dial>(
    home: Arc<Home>,
    dial: &D,
    mut request: Request<Body>,
) -> Result<Response<Body>, SendError> {
    while let Some((mut sender, unused)) = home.take() {
        let spare = (unused > DOUBTFUL_AFTER).then(|| copy(&request)).flatten();
        let mut error = match sender.try_send_request(request).await {
            Ok(response) => return Ok(leased(response, sender, home)),
            Err(error) => error,
        };
        // Not written, or (RFC 9110, 9.2.2) safe to write again: the next connection gets it.
        match error.take_message().or(spare.filter(|_| lost(&error))) {
            Some(again) => request = again,
            None => return Err(SendError::of(error)),
        }
    }
    let mut sender = match open(&home, dial).await {
        Ok(sender) => sender,
        Err(cause) => return Err(SendError::unsent(request, cause)),
    };
    match sender.try_send_request(request).await {
        Ok(response) => Ok(leased(response, sender, home)),
        Err(error) => Err(SendError::of(error)),
    }
}

async fn open<D: Dial>(home: &Home, dial: &D) -> Result<SendRequest<Body>, Cause> {
    let io = home.dial(dial).await?;
    let (sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(BUFFER_MAX)
        .handshake(TokioIo::new(io))
        .await
        .map_err(Cause::Http)?;
    // Whoever waits for the response learns of an error; an idle connection's end interests nobody.
    tokio::spawn(async move {
        let _ = connection.with_upgrades().await;
    });
    Ok(sender)
}

fn leased(response: Response<Incoming>, sender: SendRequest<Body>, home: Arc<Home>) -> Response<Body> {
    response.map(|body| {
        if body.is_end_stream() {
            home.put(sender);
            return Body::incoming(body);
        }
        let lease = Lease { sender: Some(sender), home };
        Body::leased(body, AnyLease::Http1(lease))
    })
}

/// The connection went away without a byte of an answer.
fn lost(error: &TrySendError<Request<Body>>) -> bool {
    let error = error.error();
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>()).is_some_and(
            |cause| matches!(cause.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe),
        )
}

/// The request once more, if its method allows that and it has no body.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    if !is_idempotent(request.method()) || !request.body().is_end_stream() {
        return None;
    }
    Some(Head::of(request).with(Body::empty()))
}
