//! What is refused before anything else looks at a request.
//!
//! hyper has refused much already: malformed heads, differing lengths, codings after `chunked`, bytes that no field may
//! hold; and `listen/strict.rs` in the bytes before it what hyper does not show.

use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING},
};

use super::{fields::is_token, hop::OPTIONS_MAX};
use crate::Failure;

/// Of a host in bytes, without its port (RFC 1035, 2.3.4).
const NAME_MAX: usize = 255;

/// Refuses what a strict server refuses.
///
/// # Errors
/// [`Failure::BadRequest`] with 400, 405, 417 or 501.
pub fn check<B>(request: &Request<B>) -> Result<(), Failure> {
    // RFC 9110, 9.3.6: a tunnel to anywhere is not what we are.
    if *request.method() == Method::CONNECT {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is not served here");
    }
    target(request)?;
    names(request)?;
    host(request)?;
    framing(request)?;
    options(request.headers())?;
    // RFC 9110, 10.1.1.
    if request.headers().contains_key(EXPECT) && !expects_continue(request.headers()) {
        return refuse(StatusCode::EXPECTATION_FAILED, "the only known expectation is 100-continue");
    }
    ambiguous(request.headers())
}

/// Whom the request is for, with the port if one was written. The target's authority wins over the `Host` header
/// (RFC 9112, 3.2.2; RFC 9113, 8.3.1).
pub fn authority<B>(request: &Request<B>) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

/// Whether the client waits for `100 Continue` before it sends its body. hyper sends it when the body is first read.
pub fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn refuse(status: StatusCode, why: &'static str) -> Result<(), Failure> {
    Err(Failure::BadRequest(status, why))
}

fn bad(why: &'static str) -> Result<(), Failure> {
    refuse(StatusCode::BAD_REQUEST, why)
}

/// RFC 9112, 3.2: origin-form, absolute-form, or `*` for OPTIONS; an authority alone is CONNECT's.
fn target<B>(request: &Request<B>) -> Result<(), Failure> {
    let uri: &Uri = request.uri();
    let path = uri.path();
    match uri.scheme_str() {
        Some("http" | "https") if uri.authority().is_some() => Ok(()),
        Some(_) => bad("the target's scheme is not http"),
        None if uri.authority().is_some() => bad("the target is not a path"),
        None if path.starts_with('/') => Ok(()),
        None if path == "*" && *request.method() == Method::OPTIONS => Ok(()),
        None => bad("the target is not a path"),
    }
}

/// Of HTTP/1's names hyper takes tokens alone.
fn names<B>(request: &Request<B>) -> Result<(), Failure> {
    if request.version() == Version::HTTP_2 && !request.headers().keys().all(is_token) {
        return bad("a header's name is no token");
    }
    Ok(())
}

/// RFC 9112, 3.2: exactly one valid Host; RFC 9113, 8.3.1: none that contradicts the authority.
fn host<B>(request: &Request<B>) -> Result<(), Failure> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return bad("more than one Host header");
    }
    if let Some(host) = first
        && !is_host(host.as_bytes())
    {
        return bad("the Host header is no host");
    }
    match (request.uri().authority(), first) {
        (Some(authority), _) if !is_host(authority.as_str().as_bytes()) => bad("the target's authority is no host"),
        (Some(authority), Some(host))
            if request.version() == Version::HTTP_2
                && !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()) =>
        {
            bad("the Host header contradicts the authority")
        }
        // HTTP/1.0 knows no Host; such requests are routed by port or not at all.
        (None, None) if request.version() > Version::HTTP_10 => bad("the Host header is missing"),
        _ => Ok(()),
    }
}

/// `name`, `1.2.3.4` or `[::1]`, with or without a port.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.iter().rposition(|byte| *byte == b':') {
        Some(at) if host.last() != Some(&b']') => (&host[..at], Some(&host[at + 1..])),
        _ => (host, None),
    };
    let named = match name {
        [b'[', inner @ .., b']'] => {
            inner.len() <= NAME_MAX
                && inner.contains(&b':')
                && inner.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        }
        _ => {
            (1..=NAME_MAX).contains(&name.len())
                && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        }
    };
    named && port.is_none_or(|port| port.len() <= 5 && port.iter().all(u8::is_ascii_digit))
}

/// RFC 9110, 8.6; RFC 9112, 6.1 and 6.3.
fn framing<B>(request: &Request<B>) -> Result<(), Failure> {
    let headers = request.headers();
    // Of HTTP/2 h2 takes it for zero.
    if headers.get_all(CONTENT_LENGTH).iter().any(HeaderValue::is_empty) {
        return bad("the Content-Length is no number");
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    if headers.contains_key(CONTENT_LENGTH) {
        return bad("Content-Length beside Transfer-Encoding");
    }
    if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return refuse(StatusCode::NOT_IMPLEMENTED, "the only known transfer coding is chunked");
    }
    Ok(())
}

/// RFC 9110, 7.6.1: each name in `Connection` is looked at, so there is a bound on them.
fn options(headers: &HeaderMap) -> Result<(), Failure> {
    let options = headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    if options.take(OPTIONS_MAX + 1).count() > OPTIONS_MAX {
        return bad("more names in Connection than anybody needs");
    }
    Ok(())
}

/// Back ends that turn `-` into `_` (CGI and its children) would take these for the headers that we check and set.
fn ambiguous(headers: &HeaderMap) -> Result<(), Failure> {
    const TWINS: [&str; 4] = ["content_length", "transfer_encoding", "todoapp_error", "x_real_ip"];
    let twin = headers.keys().any(|name| {
        let name = name.as_str();
        name.as_bytes().contains(&b'_') && {
            let twin = name.replace('-', "_");
            TWINS.contains(&&*twin) || twin.starts_with("x_forwarded_")
        }
    });
    if twin {
        return bad("a header name with an underscore imitates one that matters");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
