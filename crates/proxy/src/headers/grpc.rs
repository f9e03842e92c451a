//! What gRPC says in header fields (its PROTOCOL-HTTP2.md), and how it is told of an error.

use std::{fmt::Write as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
pub(super) const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Whether a message is gRPC's: `application/grpc`, `application/grpc+proto`, `application/grpc;…`.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// How long the client waits, if it says so: one to eight digits and a unit.
pub fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_hours(number)),
        "M" => Some(Duration::from_mins(number)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Says a status and a text as gRPC's own, in the head of an answer without a body ("Trailers-Only").
pub(crate) fn tell(headers: &mut HeaderMap, status: StatusCode, text: &str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, code(status).into());
    if let Ok(text) = HeaderValue::try_from(percent_encoded(text)) {
        headers.insert(MESSAGE, text);
    }
}

/// gRPC's http-grpc-status-mapping.md, but a deadline of ours is a deadline.
fn code(status: StatusCode) -> u16 {
    const DEADLINE_EXCEEDED: u16 = 4;
    const UNIMPLEMENTED: u16 = 12;
    const INTERNAL: u16 = 13;
    const UNAVAILABLE: u16 = 14;
    match status {
        StatusCode::GATEWAY_TIMEOUT => DEADLINE_EXCEEDED,
        StatusCode::NOT_FOUND => UNIMPLEMENTED,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
        _ => INTERNAL,
    }
}

/// The HTTP status that a message's own stands for: google.rpc.Code (googleapis, google/rpc/code.proto), "HTTP Mapping",
/// whose 5xx are the codes that OpenTelemetry takes for errors of a server. A code that is none is UNKNOWN, as clients have it.
pub(super) fn status(headers: &HeaderMap) -> Option<StatusCode> {
    let status = match headers.get(STATUS)?.as_bytes() {
        b"0" => 200,
        // CANCELLED; the rest of what is the client's: INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE, …
        b"1" => 499,
        b"3" | b"9" | b"11" => 400,
        // NOT_FOUND, ALREADY_EXISTS and ABORTED, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAUTHENTICATED.
        b"5" => 404,
        b"6" | b"10" => 409,
        b"7" => 403,
        b"8" => 429,
        b"16" => 401,
        // DEADLINE_EXCEEDED, UNIMPLEMENTED, UNAVAILABLE; then UNKNOWN, INTERNAL and DATA_LOSS.
        b"4" => 504,
        b"12" => 501,
        b"14" => 503,
        _ => 500,
    };
    StatusCode::from_u16(status).ok()
}

/// `%` and what is not printable ASCII as `%XX`.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(byte.into());
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        [(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())].into_iter().collect()
    }

    #[test]
    fn its_content_types() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            assert_eq!(is_grpc(&with("content-type", kind)), expected, "{kind}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn its_timeouts() {
        for (text, expected) in [
            ("1H", Some(Duration::from_hours(1))),
            ("2M", Some(Duration::from_mins(2))),
            ("10S", Some(Duration::from_secs(10))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("999999999n", None),
            ("S", None),
            ("", None),
            ("+1S", None),
            ("1s", None),
            ("1", None),
        ] {
            assert_eq!(timeout(&with("grpc-timeout", text)), expected, "{text}");
        }
    }

    #[test]
    fn what_its_codes_stand_for() {
        let status = |code: &str| status(&with("grpc-status", code)).map(|status| status.as_u16());
        let known = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
        let told: Vec<_> = (0..known.len()).map(|code| status(&code.to_string())).collect();
        assert_eq!(told, known.map(Some));
        // semantic-conventions, docs/rpc/grpc.md: errors of a server.
        let errors: Vec<_> = (0..known.len()).filter(|code| known[*code] >= 500).collect();
        assert_eq!(errors, [2, 4, 12, 13, 14, 15]);
        assert_eq!([status("17"), status("-1"), status("ok")], [Some(500); 3]);
        assert_eq!(super::status(&HeaderMap::new()), None);
    }

    #[test]
    fn an_error_in_its_words() {
        let mut headers = HeaderMap::new();
        tell(&mut headers, StatusCode::SERVICE_UNAVAILABLE, "100 % volle Warteschlängen");
        assert_eq!(headers["grpc-status"], "14");
        assert_eq!(headers["grpc-message"], "100 %25 volle Warteschl%C3%A4ngen");
    }
}
