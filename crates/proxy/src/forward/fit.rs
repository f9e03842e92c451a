//! Says a request in the protocol of its upstream. Doing it again changes nothing, so a request may try several.

use http::{
    HeaderMap, HeaderValue, Method, Request, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRANSFER_ENCODING, UPGRADE},
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body::Body as _;
use wire::Protocol;

use crate::{Body, headers};

/// Rewrites target, version and the fields that differ.
pub(crate) fn fit(request: &mut Request<Body>, protocol: Protocol) {
    match protocol {
        Protocol::Http1 => to_http1(request),
        Protocol::H2c => to_http2(request),
    }
}

fn to_http1(request: &mut Request<Body>) {
    if request.version() == Version::HTTP_2 {
        join_cookies(request.headers_mut());
    }
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        if !request.headers().contains_key(HOST)
            && let Some(host) = host_of(request.uri())
        {
            request.headers_mut().insert(HOST, host);
        }
        let path = request.uri().path_and_query().cloned().map(Uri::from);
        // Of `http://a#b` it is empty, which is not written as `/`.
        let path = path.filter(|path| !path.path().is_empty());
        *request.uri_mut() = path.unwrap_or_else(|| Uri::from_static("/"));
    }
    if request.headers().contains_key(TE) {
        // RFC 9110, 10.1.4: TE has to be named as an option of the connection.
        let headers = request.headers_mut();
        if !headers.get(CONNECTION).is_some_and(|value| headers::has_token(value, "te")) {
            headers.append(CONNECTION, HeaderValue::from_static("te"));
        }
    }
    // hyper takes a GET or HEAD of unknown length to have no body unless the head says otherwise.
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.body().is_end_stream()
        && !request.headers().contains_key(CONTENT_LENGTH)
    {
        request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

fn to_http2(request: &mut Request<Body>) {
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    // RFC 9113, 8.2.2: no connection-specific fields.
    headers.remove(CONNECTION);
    headers.remove(UPGRADE);
    headers.remove(TRANSFER_ENCODING);
    let host = headers.remove(HOST);
    let authority = host.and_then(|host| Authority::from_maybe_shared(bytes_of(&host)).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = authority.or(parts.authority);
    if parts.path_and_query.as_ref().is_none_or(|path| path.as_str().is_empty()) {
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
    }
    if parts.authority.is_none() {
        parts.scheme = None;
    }
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}

fn bytes_of(value: &HeaderValue) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(value.as_bytes())
}

fn host_of(uri: &Uri) -> Option<HeaderValue> {
    HeaderValue::from_str(uri.authority()?.as_str()).ok()
}

/// RFC 9113, 8.2.3: HTTP/2 may split a cookie field that HTTP/1 has in one.
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in std::iter::once(second).chain(cookies) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http2_request_becomes_an_http1_request() {
        let mut request = Request::builder()
            .version(Version::HTTP_2)
            .uri("http://app.example:8080/a?b=c")
            .header(COOKIE, "a=1")
            .header(COOKIE, "b=2")
            .header(TE, "trailers")
            .body(Body::empty())
            .expect("a request");
        for _ in 0..2 {
            fit(&mut request, Protocol::Http1);
            assert_eq!(request.version(), Version::HTTP_11);
            assert_eq!(request.uri(), "/a?b=c");
            assert_eq!(request.headers()[HOST], "app.example:8080");
            assert_eq!(request.headers()[COOKIE], "a=1; b=2");
            assert_eq!(request.headers().get_all(CONNECTION).iter().count(), 1);
        }
    }

    #[test]
    fn a_target_in_absolute_form_has_a_path_afterwards() {
        for (target, path) in
            [("http://a", "/"), ("http://a#b", "/"), ("http://a/#b", "/"), ("http://a?b", "/?b"), ("http://a?#b", "/?")]
        {
            let mut request = Request::builder().uri(target).body(Body::empty()).expect("a request");
            fit(&mut request, Protocol::Http1);
            assert_eq!(request.uri().to_string(), path, "{target}");
        }
    }

    #[test]
    fn an_http1_request_becomes_an_http2_request_and_back() {
        let mut request = Request::builder()
            .uri("/a?b=c")
            .header(HOST, "app.example:8080")
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .body(Body::empty())
            .expect("a request");
        fit(&mut request, Protocol::H2c);
        assert_eq!(request.uri(), "http://app.example:8080/a?b=c");
        assert!(request.headers().is_empty(), "{:?}", request.headers());
        fit(&mut request, Protocol::Http1);
        assert_eq!(request.uri(), "/a?b=c");
        assert_eq!(request.headers()[HOST], "app.example:8080");
    }
}
