//! One request through one upstream: out with the request's hop, in with the response's.
//!
//! ```text
//! outbound(request) ─▶ Passage ─────────────────────────────────┐
//!        └─▶ send(pool, address, …) ─▶ response ─▶ inbound(response, passage, guard)
//! ```
//! `outbound` happens once, `send` once for each address that is tried, `inbound` once.

mod fit;
mod spare;
mod times;

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
};

use http::{
    HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, HOST, UPGRADE},
};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use tokio::time::{Instant, timeout_at};
use wire::Protocol;

pub(crate) use self::{
    fit::fit,
    spare::{Head, is_idempotent},
};
pub use self::{spare::Spare, times::Times};
pub use crate::headers::{Forwarded, PLACES, REFUSED};
use crate::{
    Body, Failure,
    body::Guard,
    headers,
    idle::Idle,
    listen::ConnInfo,
    net::Dial,
    upgrade,
    upstream::{Cause, Pool, SendError},
};

/// What has to be remembered of a request until its response comes.
#[derive(Debug)]
pub struct Passage {
    /// The client's half of a change of protocol that it asked for.
    client: Option<OnUpgrade>,
}

/// Why there is no response.
#[derive(Debug)]
pub enum Failed {
    /// The deadline passed before the head of a response.
    Timeout,
    /// The head of a response did not come in its own time.
    ResponseStart,
    /// Nothing moved for too long, and there is no head of a response.
    Idle,
    /// The upstream failed; an unsent request is in there.
    Send(SendError),
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Timeout => Self::RequestTimeout,
            Failed::ResponseStart => Self::ResponseStartTimeout,
            Failed::Idle => Self::IdleTimeout,
            // The one error of hyper's users that there can be: the client left amid the body, or framed it wrongly.
            Failed::Send(SendError::Broken(Cause::Http(cause))) if cause.is_user() => {
                Self::BadRequest(StatusCode::BAD_REQUEST, "the request's body broke")
            }
            Failed::Send(SendError::Unsent { cause, .. } | SendError::Refused(cause) | SendError::Broken(cause)) => {
                cause.shortage().map_or_else(|| Self::UpstreamBroken(cause.to_string()), Self::Exhausted)
            }
        }
    }
}

/// Makes a checked request ready to travel: fields of the client's hop out, its origin in, `Host` as the target says.
pub fn outbound<B>(request: &mut Request<B>, info: &ConnInfo, forwarded: Forwarded) -> Passage {
    let upgrade = headers::from_request(request.headers_mut());
    // RFC 9112, 3.2.2: a proxy replaces Host by the authority of the target.
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    info.origin().write(request.headers_mut(), forwarded);
    let client = upgrade.filter(|_| request.version() == Version::HTTP_11).map(|protocol| {
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
        hyper::upgrade::on(request)
    });
    Passage { client }
}

/// Waits for the end of a body that has no bytes. To its upstream such a request is over with its head, but in HTTP/2 there
/// may be some after all, and then it is malformed and must not be passed on (RFC 9113, 8.1.1).
///
/// # Errors
/// There are some, or the end does not come by the deadline.
pub async fn emptied(request: &mut Request<Incoming>, deadline: Instant) -> Result<(), Failure> {
    let body = request.body_mut();
    while !body.is_end_stream() && body.size_hint().exact() == Some(0) {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        match timeout_at(deadline, frame).await {
            Ok(Some(Ok(_))) => {}
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(Failure::BadRequest(
                    StatusCode::BAD_REQUEST,
                    "the request's body is longer than its length",
                ));
            }
            Err(_) => return Err(Failure::RequestTimeout),
        }
    }
    Ok(())
}

/// Sends the request in the `times` that it has; an answer that is not over by then breaks.
///
/// # Errors
/// No response; see [`Failed`].
pub async fn send<D: Dial>(
    pool: &Pool<D>,
    address: SocketAddr,
    protocol: Protocol,
    request: Request<Body>,
    times: impl Into<Times>,
) -> Result<Response<Body>, Failed> {
    let times = times.into();
    let mut sleep = times.timer();
    let mut sent = pin!(pool.send(address, protocol, request));
    loop {
        tokio::select! {
            biased;
            sent = &mut sent => return Ok(times.bound(sent.map_err(Failed::Send)?, sleep)),
            () = &mut sleep => {
                if let Some(failed) = times.over(&mut sleep) {
                    return Err(failed);
                }
            }
        }
    }
}

/// Makes a response ready for the client. `guard` is kept until the answer is over: for a change of protocol, until
/// the tunnel has closed.
pub fn inbound(mut response: Response<Body>, passage: Passage, info: &ConnInfo, guard: impl Guard) -> Response<Body> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(response, passage, info, guard);
    }
    let upgrade = headers::from_response(&mut response);
    if response.status() == StatusCode::UPGRADE_REQUIRED
        && let Some(protocol) = upgrade
    {
        // RFC 9110, 15.5.22: a 426 has to name the protocol, so this one is passed on.
        let headers = response.headers_mut();
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    *response.version_mut() = Version::HTTP_11;
    response.body_mut().guard(guard);
    response
}

fn switch(mut response: Response<Body>, passage: Passage, info: &ConnInfo, mut guard: impl Guard) -> Response<Body> {
    let Some(client) = passage.client else {
        guard.broken();
        // RFC 9110, 15.2.2: only what was asked for. Anything else would let the app speak past us.
        let why = "it changed the protocol without having been asked";
        return Failure::UpstreamBroken(why.to_owned()).into_response();
    };
    let idle = response.extensions_mut().remove::<Idle>();
    let upstream = hyper::upgrade::on(&mut response);
    let protocol = headers::from_response(&mut response);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
    }
    upgrade::splice(client, upstream, idle, info.clone(), guard);
    response.map(|_| Body::empty())
}
