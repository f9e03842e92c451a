//! What a client is told when its request cannot be served: status, reason header and one line of text.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{Body, Shortage, headers};

/// Carries the reason of an answer that is ours and not the app's.
pub const ERROR_HEADER: HeaderName = HeaderName::from_static("todoapp-error");

/// Every value of it.
pub const REASONS: [&str; 16] = [
    "no-route",
    "misdirected",
    "bad-request",
    "hold-timeout",
    "hold-full",
    "revision-failed",
    "no-revision",
    "upstream-broken",
    "app-unreachable",
    "exhausted",
    "recycled",
    "loop",
    "request-timeout",
    "response-start-timeout",
    "idle-timeout",
    "gate-full",
];

/// The reason in an answer that another process of ours gave; none in an app's.
pub fn told(headers: &HeaderMap) -> Option<&'static str> {
    let told = headers.get(ERROR_HEADER)?;
    REASONS.into_iter().find(|reason| reason.as_bytes() == told.as_bytes())
}

/// Whose bound on held requests was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldScope {
    /// The app's.
    App,
    /// The namespace's.
    Namespace,
    /// The process's.
    All,
}

impl std::fmt::Display for HoldScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::App => "of this app",
            Self::Namespace => "of this namespace",
            Self::All => "of all apps together",
        })
    }
}

/// Why a request got no answer of the app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No app has this host or port.
    #[error("no app is known by this name")]
    NoRoute,
    /// The connection was opened for another host (RFC 9110, 15.5.20): a client does better on one of its own.
    #[error("this connection's certificate is not for this host")]
    Misdirected,
    /// The request breaks a rule of HTTP; the status says which kind of rule.
    #[error("{1}")]
    BadRequest(StatusCode, &'static str),
    /// The request has passed an activator too often: an app sends it back to itself.
    #[error("the request runs in a circle")]
    Loop,
    /// No pod took the request before its deadline; the text says what was in the way, if that is known.
    #[error("no instance became ready in time{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    HoldTimeout(Option<String>),
    /// Too many requests are waiting for pods already.
    #[error("too many requests {0} are waiting for an instance")]
    HoldFull(HoldScope),
    /// The revision cannot start; the text says why.
    #[error("{0}")]
    RevisionFailed(String),
    /// The app has no revision that could be started, and will not have one by itself; the text says why.
    #[error("the app has no revision to serve this request: {0}")]
    NoRevision(String),
    /// The app's side refused the connection, broke it, or spoke no HTTP.
    #[error("the app broke the connection: {0}")]
    UpstreamBroken(String),
    /// The app's process takes no connection; nothing of the request was sent.
    #[error("the app cannot be reached: {0}")]
    AppUnreachable(String),
    /// A proxy has no connection to give to it; nothing of the request was sent.
    #[error("the proxy has no more {0}")]
    Exhausted(Shortage),
    /// The pod has served all the requests that it may (`recycleAfter`).
    #[error("this instance has served its time")]
    Recycled,
    /// The app did not answer in the time that the revision allows for a request.
    #[error("the app did not answer in time")]
    RequestTimeout,
    /// The head of the app's answer did not come in the time that the revision allows for it.
    #[error("the app did not begin to answer in time")]
    ResponseStartTimeout,
    /// Nothing of request or answer moved for as long as the revision allows.
    #[error("nothing moved for too long")]
    IdleTimeout,
    /// More than ten times the concurrency limit waits in front of the app's container.
    #[error("too many requests are waiting for this instance")]
    GateFull,
}

impl Failure {
    /// Status of the answer.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::BadRequest(status, _) => *status,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::HoldTimeout(_) | Self::RequestTimeout | Self::ResponseStartTimeout | Self::IdleTimeout => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::HoldFull(_)
            | Self::RevisionFailed(_)
            | Self::NoRevision(_)
            | Self::AppUnreachable(_)
            | Self::Exhausted(_)
            | Self::Recycled
            | Self::GateFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamBroken(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// Value of the reason header; also fit for a metric's label.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoRoute => "no-route",
            Self::Misdirected => "misdirected",
            Self::BadRequest(..) => "bad-request",
            Self::Loop => "loop",
            Self::HoldTimeout(_) => "hold-timeout",
            Self::HoldFull(_) => "hold-full",
            Self::RevisionFailed(_) => "revision-failed",
            Self::NoRevision(_) => "no-revision",
            Self::UpstreamBroken(_) => "upstream-broken",
            Self::AppUnreachable(_) => "app-unreachable",
            Self::Exhausted(_) => "exhausted",
            Self::Recycled => "recycled",
            Self::RequestTimeout => "request-timeout",
            Self::ResponseStartTimeout => "response-start-timeout",
            Self::IdleTimeout => "idle-timeout",
            Self::GateFull => "gate-full",
        }
    }

    /// Whether this is said of a request that the app has seen nothing of.
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::GateFull | Self::AppUnreachable(_) | Self::Exhausted(_) | Self::Recycled)
    }

    /// The answer: plain text, one line.
    pub fn into_response(self) -> Response<Body> {
        self.answer(false)
    }

    /// The answer; to a `grpc` client a status of gRPC's own.
    pub fn answer(self, grpc: bool) -> Response<Body> {
        let mut text = self.to_string().replace(['\r', '\n'], " ");
        let mut response = Response::new(Body::empty());
        if grpc {
            headers::grpc::tell(response.headers_mut(), self.status(), &text);
        } else {
            text.push('\n');
            *response.body_mut() = Body::full(text);
            *response.status_mut() = self.status();
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, plain);
        }
        let headers = response.headers_mut();
        headers.insert(ERROR_HEADER, HeaderValue::from_static(self.reason()));
        if self.is_unsent() || matches!(self, Self::HoldFull(_)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status() == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110, 15.5.6: a 405 lists what is allowed; which methods the app takes is not ours to say.
            headers.insert(header::ALLOW, HeaderValue::from_static(""));
        }
        response
    }
}
