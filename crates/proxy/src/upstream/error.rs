//! Why there is no response, and whether the upstream may have seen the request.

use std::{error::Error as _, fmt, io};

use http::Request;

use crate::{Body, Shortage};

/// No response. The distinction is the whole point: what was not sent may be sent elsewhere.
#[derive(Debug)]
pub enum SendError {
    /// The upstream has seen nothing; here is the request again, body and all.
    Unsent {
        /// The request as it was, but for the fields that depend on the protocol.
        request: Box<Request<Body>>,
        /// What went wrong.
        cause: Cause,
    },
    /// The upstream says that it has not acted on it (RFC 9113, 8.7), but part of the body may be gone.
    Refused(Cause),
    /// The connection failed after the request had begun to be sent.
    Broken(Cause),
}

/// What went wrong.
#[derive(Debug)]
pub enum Cause {
    /// No connection: refused, no route, and the like.
    Connect(io::Error),
    /// No connection in time.
    ConnectTimeout,
    /// The connection ended or spoke no HTTP.
    Http(hyper::Error),
}

impl Cause {
    /// What of ours there was too little of; then it says nothing about the upstream.
    pub fn shortage(&self) -> Option<Shortage> {
        match self {
            Self::Connect(cause) => Shortage::of(cause),
            Self::ConnectTimeout | Self::Http(_) => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(cause) => write!(f, "no connection: {cause}"),
            Self::ConnectTimeout => f.write_str("no connection in time"),
            Self::Http(cause) => match cause.source() {
                Some(source) => write!(f, "{cause}: {source}"),
                None => write!(f, "{cause}"),
            },
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsent { cause, .. } => write!(f, "not sent: {cause}"),
            Self::Refused(cause) => write!(f, "refused: {cause}"),
            Self::Broken(cause) => write!(f, "broken: {cause}"),
        }
    }
}

impl std::error::Error for SendError {}

impl SendError {
    /// What of ours there was too little of for a connection.
    pub(super) fn shortage(&self) -> Option<Shortage> {
        match self {
            Self::Unsent { cause, .. } => cause.shortage(),
            Self::Refused(_) | Self::Broken(_) => None,
        }
    }

    pub(super) fn unsent(request: Request<Body>, cause: Cause) -> Self {
        Self::Unsent { request: Box::new(request), cause }
    }

    /// hyper gives a message back when nothing of it was written.
    pub(super) fn of(mut error: hyper::client::conn::TrySendError<Request<Body>>) -> Self {
        let message = error.take_message();
        let error = error.into_error();
        let refused = is_refused(&error);
        let cause = Cause::Http(error);
        match message {
            Some(request) => Self::unsent(request, cause),
            None if refused => Self::Refused(cause),
            None => Self::Broken(cause),
        }
    }
}

fn is_refused(error: &hyper::Error) -> bool {
    let reason = error.source().and_then(|source| source.downcast_ref::<h2::Error>()).and_then(h2::Error::reason);
    reason == Some(h2::Reason::REFUSED_STREAM)
}
