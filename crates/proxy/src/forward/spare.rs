//! What it takes to send a request once more.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, Uri, Version};
use http_body::Body as _;

use crate::{
    Body,
    body::{Budget, Keeper},
};

/// A copy of a request that is under way. While it exists the request's body is kept, within the budget.
#[derive(Debug)]
pub struct Spare {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    /// `None`: it has no body.
    body: Option<Keeper>,
}

impl Spare {
    /// Gives the request back in a form that is kept.
    pub fn of(request: Request<Body>, budget: &Arc<Budget>) -> (Self, Request<Body>) {
        let (head, body) = request.into_parts();
        let (keeper, body) = if body.is_end_stream() {
            (None, body)
        } else {
            let (keeper, body) = Keeper::of(body, budget);
            (Some(keeper), body)
        };
        let spare = Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            headers: head.headers.clone(),
            body: keeper,
        };
        (spare, Request::from_parts(head, body))
    }

    /// Whether sending it twice does what sending it once does (RFC 9110, 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        is_idempotent(&self.method)
    }

    /// The request again, if all of its body is still there.
    pub fn again(&self) -> Option<Request<Body>> {
        let body = match &self.body {
            None => Body::empty(),
            Some(keeper) => keeper.again()?,
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers.clone();
        Some(request)
    }
}

/// RFC 9110, 9.2.2.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE)
}
