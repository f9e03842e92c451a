//! Fields that belong to one hop (RFC 9110, 7.6.1).

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, FORWARDED, HOST, TE, TRANSFER_ENCODING, UPGRADE, VIA},
};

use super::{
    fields::{is_token, remove_all},
    origin::REAL_IP,
    trace::{TRACEPARENT, TRACESTATE},
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// Of a queue-proxy to an activator: the app has seen nothing of the request, which may be sent elsewhere.
pub const REFUSED: HeaderName = HeaderName::from_static("todoapp-refused");
/// Of a queue-proxy to an activator: how many requests it may have in this pod at a time.
pub const PLACES: HeaderName = HeaderName::from_static("todoapp-places");
/// Names in the `Connection` fields of a request; one that has more is nobody's honest request, and is refused at the door.
pub(super) const OPTIONS_MAX: usize = 16;

/// Removes what the client said to us alone. Returns the protocol it asks to change to, if that may be passed on.
pub(crate) fn from_request(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let upgrade = remove_connection(headers);
    // RFC 9110, 10.1.4: TE is hop-by-hop, but `trailers` is true of us as well, and gRPC insists on it.
    if headers.contains_key(TE) {
        // Several lines are one list (RFC 9110, 5.3).
        let trailers = headers.get_all(TE).iter().any(|value| has_token(value, "trailers"));
        headers.remove(TE);
        if trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }
    one_length(headers);
    // RFC 9113, 3.1: h2c by upgrade is obsolete, and a classic way past a proxy's rules.
    upgrade.filter(|protocol| !has_token(protocol, "h2c"))
}

/// Removes what the upstream said to us alone. Returns the protocol of an `Upgrade` field.
pub(crate) fn from_response<B>(response: &mut Response<B>) -> Option<HeaderValue> {
    let (version, status) = (response.version(), response.status());
    let headers = response.headers_mut();
    if version == Version::HTTP_2 {
        remove_all(headers, |name| !is_token(name));
    }
    // Words between our own proxies: an app must not say them, and a client not hear them.
    headers.remove(REFUSED);
    headers.remove(PLACES);
    // RFC 9112, 6.3: it is the coding that frames the message, and the client is not to be told of a length beside it.
    // RFC 9110, 8.6: and of no content there is no length; of HEAD hyper would say it.
    if headers.contains_key(TRANSFER_ENCODING) || status == StatusCode::NO_CONTENT {
        headers.remove(CONTENT_LENGTH);
    }
    one_length(headers);
    remove_connection(headers)
}

/// RFC 9112, 6.3: equal lengths are replaced by one. Differing ones hyper and h2 have refused where they frame content.
fn one_length(headers: &mut HeaderMap) {
    let several = headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some();
    if several && let Some(first) = headers.remove(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, first);
    }
}

/// Whether a comma-separated field names `token`, in any case.
pub(crate) fn has_token(value: &HeaderValue, token: &str) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn remove_connection(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let mut asks = false;
    if headers.contains_key(CONNECTION) {
        asks = headers.get_all(CONNECTION).iter().any(|value| has_token(value, "upgrade"));
        remove_named(headers);
        headers.remove(CONNECTION);
    }
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    // The coding of this hop's message; hyper frames the next hop's anew.
    headers.remove(TRANSFER_ENCODING);
    headers.remove(UPGRADE).filter(|_| asks)
}

/// Fields that `Connection` names go too, except those that route, frame or vouch for a message. As many as the head has
/// room for: of a request the door has bounded them.
fn remove_named(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        // By far the most frequent ones, handled by the caller.
        .filter(|name| ![&b"keep-alive"[..], b"close", b"upgrade"].iter().any(|known| name.eq_ignore_ascii_case(known)))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .filter(|name| !is_protected(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
}

fn is_protected(name: &HeaderName) -> bool {
    [HOST, CONTENT_LENGTH, FORWARDED, TE, UPGRADE, VIA, TRACEPARENT, TRACESTATE].contains(name)
        || *name == REAL_IP
        || name.as_str().starts_with("x-forwarded-")
        || name.as_str().starts_with("todoapp-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).fold(
            HeaderMap::new(),
            |mut map, (name, value)| {
                map.append(name, value);
                map
            },
        )
    }

    fn response(lines: &[(&'static str, &'static str)]) -> Response<()> {
        let mut response = Response::new(());
        *response.headers_mut() = map(lines);
        response
    }

    fn left(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_belongs_to_one_hop_is_removed() {
        let mut headers = map(&[
            ("accept", "*/*"),
            ("connection", "keep-alive, X-Secret"),
            ("connection", "x-other"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("te", "gzip"),
            ("trailer", "x-sum"),
            ("upgrade", "websocket"),
            ("x-other", "1"),
            ("x-secret", "1"),
        ]);
        // Upgrade without `Connection: upgrade` asks for nothing.
        assert_eq!(from_request(&mut headers), None);
        assert_eq!(left(&headers), ["accept", "trailer"]);
    }

    #[test]
    fn of_several_lengths_one_is_passed_on() {
        let lengths = [("content-length", "5"), ("content-length", "5")];
        let mut request = map(&lengths);
        from_request(&mut request);
        let mut response = response(&lengths);
        from_response(&mut response);
        for headers in [&request, response.headers()] {
            assert_eq!(headers.get_all(CONTENT_LENGTH).iter().collect::<Vec<_>>(), ["5"]);
        }
    }

    #[test]
    fn what_routes_or_vouches_cannot_be_named_away() {
        let mut headers = map(&[
            ("connection", "Host, X-Forwarded-For, X-Real-IP, Forwarded, Content-Length"),
            ("connection", "todoapp-cold-start, Via, traceparent"),
            ("traceparent", "00"),
            ("via", "1.1 a"),
            ("host", "a"),
            ("forwarded", "for=1.2.3.4"),
            ("content-length", "3"),
            ("todoapp-cold-start", "true"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
        ]);
        from_request(&mut headers);
        let vouching = [
            "content-length",
            "forwarded",
            "host",
            "todoapp-cold-start",
            "traceparent",
            "via",
            "x-forwarded-for",
            "x-real-ip",
        ];
        assert_eq!(left(&headers), vouching);
    }

    #[test]
    fn however_many_names_an_app_gives_each_is_removed() {
        let names: Vec<_> = (0..40).map(|number| format!("x-{number}")).collect();
        let mut response = response(&[("x-0", "1"), ("x-39", "1"), ("x-40", "1")]);
        response.headers_mut().insert(CONNECTION, HeaderValue::try_from(names.join(", ")).unwrap());
        from_response(&mut response);
        assert_eq!(left(response.headers()), ["x-40"]);
    }

    #[test]
    fn of_two_framings_of_an_answer_the_length_says_nothing() {
        for coding in ["chunked", "gzip"] {
            let mut response = response(&[("content-length", "3"), ("etag", "a"), ("transfer-encoding", coding)]);
            from_response(&mut response);
            assert_eq!(left(response.headers()), ["etag"]);
        }
        let mut response = response(&[("content-length", "3")]);
        from_response(&mut response);
        assert_eq!(left(response.headers()), ["content-length"]);
    }

    #[test]
    fn trailers_may_be_sent_through_us() {
        for lines in [&["deflate, Trailers"][..], &["gzip", "trailers"], &["trailers", "gzip"]] {
            let mut headers: HeaderMap = map(&[("connection", "te")]);
            for line in lines {
                headers.append(TE, HeaderValue::from_static(line));
            }
            from_request(&mut headers);
            assert_eq!(headers.get_all(TE).iter().collect::<Vec<_>>(), ["trailers"], "{lines:?}");
        }
    }

    #[test]
    fn a_change_of_protocol_is_passed_on_unless_it_is_h2c() {
        let mut headers = map(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(from_request(&mut headers).expect("asked"), "websocket");
        let mut headers =
            map(&[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABk")]);
        assert_eq!(from_request(&mut headers), None);
        assert!(headers.is_empty(), "{headers:?}");
    }
}
