//! What it takes to send a request once more.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
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
    fields: Fields,
}

impl Head {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            fields: Fields::of(request.headers()),
        }
    }

    pub(crate) fn with(self, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.headers_mut() = self.fields.map();
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        request
    }
}

/// The fields of a head as plain bytes: nearly none is needed again, and to copy a map costs three times as much.
#[derive(Debug, Clone)]
struct Fields(Vec<u8>);

/// Bytes of a name or a value.
type Length = u32;

impl Fields {
    fn of(headers: &HeaderMap) -> Self {
        let parts = || headers.iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        let mut bytes = Vec::with_capacity(parts().map(|part| size_of::<Length>() + part.len()).sum());
        for part in parts() {
            bytes.extend_from_slice(&(part.len() as Length).to_ne_bytes());
            bytes.extend_from_slice(part);
        }
        Self(bytes)
    }

    fn map(&self) -> HeaderMap {
        let mut rest = &self.0[..];
        let mut next = || {
            let (length, after) = rest.split_first_chunk()?;
            let (part, after) = after.split_at_checked(Length::from_ne_bytes(*length) as usize)?;
            rest = after;
            Some(part)
        };
        let mut headers = HeaderMap::new();
        while let (Some(name), Some(value)) = (next(), next()) {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        headers
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_the_same_again() {
        let mut request = Request::post("/a?b").version(Version::HTTP_2).body(()).expect("a request");
        for (name, value) in [("b", &b"1"[..]), ("a", b""), ("b", b"2"), ("host", b"\xff\x80")] {
            let value = HeaderValue::from_bytes(value).expect("a value");
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        for head in [Head::of(&request), Head::of(&request).clone()] {
            let again = head.with(Body::empty());
            assert_eq!(again.headers(), request.headers());
            assert_eq!((again.method(), again.uri()), (request.method(), request.uri()));
            assert_eq!(again.version(), request.version());
        }
        assert!(Fields::of(&HeaderMap::new()).map().is_empty());
    }
}
