//! A head in memory of its own.

use bytes::BytesMut;
use http::{HeaderValue, Request};

/// Copies target and values, which hyper makes as views of the connection's read buffer (8 KiB), so that the buffer is
/// free while the request waits. For a request that stays; one that passes has no need of it.
pub fn own<B>(request: &mut Request<B>) {
    let bytes = request.headers().values().map(HeaderValue::len).sum();
    let mut copies = BytesMut::with_capacity(bytes);
    for value in request.headers_mut().values_mut() {
        copies.extend_from_slice(value.as_bytes());
        let sensitive = value.is_sensitive();
        if let Ok(copy) = HeaderValue::from_maybe_shared(copies.split().freeze()) {
            *value = copy;
            value.set_sensitive(sensitive);
        }
    }
    if let Ok(target) = request.uri().to_string().try_into() {
        *request.uri_mut() = target;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Uri;

    use super::*;

    #[test]
    fn the_head_is_the_same_and_its_buffer_free() {
        for target in
            ["/", "/a%20b?c=d&e", "//a", "*", "/\u{e9}?\u{e9}", "example.com:443", "http://example.com:80/a?b"]
        {
            let buffer = Bytes::from([target, "value", "one more", "", "secret"].concat().into_bytes());
            let mut at = 0;
            let mut next = |length| {
                at += length;
                buffer.slice(at - length..at)
            };
            let mut request = Request::new(());
            *request.uri_mut() = Uri::from_maybe_shared(next(target.len())).unwrap();
            for (name, length) in [("host", 5), ("host", 8), ("x-empty", 0), ("authorization", 6)] {
                let mut value = HeaderValue::from_maybe_shared(next(length)).unwrap();
                value.set_sensitive(name == "authorization");
                request.headers_mut().append(name, value);
            }
            let before = (request.uri().clone(), request.headers().clone());
            assert!(!buffer.is_unique());
            own(&mut request);
            assert_eq!((request.uri(), request.headers()), (&before.0, &before.1));
            assert!(request.headers()["authorization"].is_sensitive());
            drop(before);
            assert!(buffer.is_unique(), "{target}");
        }
    }
}
