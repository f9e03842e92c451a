use http::{HeaderName, HeaderValue};

use super::*;

fn request(method: &str, target: &str, version: Version, lines: &[(&str, &str)]) -> Request<()> {
    let mut builder = Request::builder().method(method).uri(target).version(version);
    for (name, value) in lines {
        builder = builder.header(*name, *value);
    }
    builder.body(()).expect("a request")
}

/// Method, target, header lines, and the status it is refused with.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Option<u16>);

fn status(request: &Request<()>) -> Option<u16> {
    match check(request) {
        Ok(()) => None,
        Err(failure) => Some(failure.status().as_u16()),
    }
}

#[test]
fn http1_heads() {
    const HOST: (&str, &str) = ("host", "app.example");
    let table: &[Row] = &[
        ("GET", "/", &[HOST], None),
        ("GET", "/", &[("host", "app.example:8080")], None),
        ("GET", "/", &[("host", "[::1]:8080")], None),
        ("GET", "/", &[("host", "[::1]")], None),
        ("GET", "/", &[("host", "10.0.0.1")], None),
        ("GET", "/", &[], Some(400)),
        ("GET", "/", &[("host", "")], Some(400)),
        ("GET", "/", &[HOST, HOST], Some(400)),
        ("GET", "/", &[HOST, ("host", "other")], Some(400)),
        ("GET", "/", &[("host", "a/b@c")], Some(400)),
        ("GET", "/", &[("host", "user@a")], Some(400)),
        ("GET", "/", &[("host", "a b")], Some(400)),
        ("GET", "/", &[("host", "a:b")], Some(400)),
        ("GET", "/", &[("host", "a:123456")], Some(400)),
        ("GET", "/", &[("host", "[zz]")], Some(400)),
        ("GET", "/", &[("host", "a, b")], Some(400)),
        ("GET", "http://x/", &[("host", "y")], None),
        ("GET", "http://user@x/", &[("host", "y")], Some(400)),
        ("GET", "ftp://x/", &[("host", "y")], Some(400)),
        ("GET", "example.com", &[HOST], Some(400)),
        ("OPTIONS", "*", &[HOST], None),
        ("GET", "*", &[HOST], Some(400)),
        ("CONNECT", "a:443", &[HOST], Some(405)),
        ("POST", "/", &[HOST, ("content-length", "")], Some(400)),
        ("POST", "/", &[HOST, ("content-length", "0"), ("content-length", "")], Some(400)),
        ("POST", "/", &[HOST, ("transfer-encoding", "chunked")], None),
        ("POST", "/", &[HOST, ("transfer-encoding", "chunked"), ("content-length", "3")], Some(400)),
        ("POST", "/", &[HOST, ("transfer-encoding", "gzip, chunked")], Some(501)),
        ("POST", "/", &[HOST, ("expect", "100-Continue")], None),
        ("POST", "/", &[HOST, ("expect", "foo")], Some(417)),
        ("POST", "/", &[HOST, ("content_length", "3")], Some(400)),
        ("POST", "/", &[HOST, ("x-forwarded_for", "3")], Some(400)),
        ("POST", "/", &[HOST, ("x_forwarded-port", "3")], Some(400)),
        ("POST", "/", &[HOST, ("x_real-ip", "3")], Some(400)),
        ("POST", "/", &[HOST, ("api_key", "3")], None),
        ("GET", "/", &[HOST, ("connection", "1,2,3,4,5,6,7,8"), ("connection", "1,2,3,4,5,6,7,8")], None),
        ("GET", "/", &[HOST, ("connection", "1,2,3,4,5,6,7,8"), ("connection", "1,2,3,4,5,6,7,8,x")], Some(400)),
    ];
    for (method, target, lines, expected) in table {
        let request = request(method, target, Version::HTTP_11, lines);
        assert_eq!(status(&request), *expected, "{method} {target} {lines:?}");
    }
}

#[test]
fn a_host_has_its_length() {
    let long = |length| status(&request("GET", "/", Version::HTTP_11, &[("host", &"a".repeat(length))]));
    assert_eq!((long(255), long(256)), (None, Some(400)));
}

#[test]
fn http10_needs_no_host() {
    assert_eq!(status(&request("GET", "/", Version::HTTP_10, &[])), None);
}

#[test]
fn http2_heads() {
    let h2 = |target, lines| request("GET", target, Version::HTTP_2, lines);
    assert_eq!(status(&h2("http://a:80/", &[])), None);
    assert_eq!(status(&h2("http://a/", &[("host", "A")])), None);
    assert_eq!(status(&h2("http://a/", &[("host", "b")])), Some(400));
    assert_eq!(status(&h2("/", &[("host", "a")])), None);
    assert_eq!(status(&h2("/", &[])), Some(400));
    let mut quoted = h2("http://a/", &[("x-a", "1")]);
    assert_eq!(status(&quoted), None);
    let name = HeaderName::from_lowercase(b"\"ost").expect("the http crate takes it");
    quoted.headers_mut().insert(name, HeaderValue::from_static("b"));
    assert_eq!(status(&quoted), Some(400));
}

#[test]
fn the_targets_authority_wins() {
    let absolute = request("GET", "http://x:81/", Version::HTTP_11, &[("host", "y")]);
    assert_eq!(authority(&absolute), Some("x:81"));
    let origin = request("GET", "/", Version::HTTP_11, &[("host", "y:8080")]);
    assert_eq!(authority(&origin), Some("y:8080"));
}
