//! Fields that come after the content (RFC 9110, 6.5).

use http::{HeaderMap, HeaderName};

use super::fields::{is_token, remove_all};

/// What frames, routes, controls or vouches for a message (6.5.1): whoever merges trailers into the head would believe it.
const OF_HEAD: [&str; 25] = [
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "location",
    "max-forwards",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];

/// Removes what must not come after the content.
pub(crate) fn from_trailers(trailers: &mut HeaderMap) {
    remove_all(trailers, |name| !is_token(name) || is_of_head(name));
}

fn is_of_head(name: &HeaderName) -> bool {
    let name = name.as_str();
    OF_HEAD.contains(&name) || name.starts_with("x-forwarded-") || name.starts_with("todoapp-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::HeaderValue;

    use super::*;

    #[test]
    fn trailers_say_nothing_that_belongs_into_a_head() {
        let mut trailers = HeaderMap::new();
        let others = ["grpc-status", "x-sum", "content-length", "x-forwarded-for", "todoapp-error"];
        for name in OF_HEAD.iter().chain(&others) {
            trailers.append(*name, HeaderValue::from_static("1"));
            trailers.append(*name, HeaderValue::from_static("2"));
        }
        from_trailers(&mut trailers);
        let left: BTreeSet<_> = trailers.keys().map(HeaderName::as_str).collect();
        assert_eq!((left, trailers.len()), (BTreeSet::from(["grpc-status", "x-sum"]), 4));
    }
}
