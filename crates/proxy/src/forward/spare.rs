//! What it takes to send a request once more.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, Uri, Version};
use http_body::Body as _;

use crate::{
    Body,
    body::{Budget, Keeper},
};

/// The head of a request, without what hyper hangs onto it.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
}

impl Head {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
        }
    }

    pub(crate) fn with(self, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers;
        request
    }
}

/// A copy of a request that is under way. While it exists the request's body is kept, within the budget.
#[derive(Debug)]
pub struct Spare {
    head: Head,
    /// `None`: it has no body.
    body: Option<Keeper>,
}

impl Spare {
    /// Gives the request back in a form that is kept.
    pub fn of(request: Request<Body>, budget: &Arc<Budget>) -> (Self, Request<Body>) {
        let head = Head::of(&request);
        if request.body().is_end_stream() {
            return (Self { head, body: None }, request);
        }
        let (parts, body) = request.into_parts();
        let (keeper, body) = Keeper::of(body, budget);
        (Self { head, body: Some(keeper) }, Request::from_parts(parts, body))
    }

    /// Whether sending it twice does what sending it once does (RFC 9110, 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        is_idempotent(&self.head.method)
    }

    /// The request again, if all of its body is still there.
    pub fn again(&self) -> Option<Request<Body>> {
        let body = match &self.body {
            None => Body::empty(),
            Some(keeper) => keeper.again()?,
        };
        Some(self.head.clone().with(body))
    }
}

/// RFC 9110, 9.2.2.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE)
}
