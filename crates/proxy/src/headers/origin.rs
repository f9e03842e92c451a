//! What the app is told about where a request came from.

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{FORWARDED, HOST},
};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whether a client's own word about its origin is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// No: the client is anybody. Whatever it said is replaced.
    Overwrite,
    /// Yes: the peer is a proxy of ours. Only what is missing is added.
    Keep,
}

/// The same for every request of a connection, so written once.
#[derive(Debug)]
pub(crate) struct Origin {
    peer: HeaderValue,
    proto: HeaderValue,
    /// RFC 7239.
    forwarded: HeaderValue,
    /// Stands in for the Host of an HTTP/1.0 request that has none.
    local: HeaderValue,
}

impl Origin {
    pub(crate) fn of(peer: IpAddr, local: SocketAddr, secure: bool) -> Self {
        let proto = if secure { "https" } else { "http" };
        let forwarded = match peer {
            IpAddr::V4(ip) => format!("for={ip};proto={proto}"),
            // RFC 7239, 6: an IPv6 address is bracketed, and quoted because of the brackets.
            IpAddr::V6(ip) => format!("for=\"[{ip}]\";proto={proto}"),
        };
        Self {
            peer: value(&peer.to_string()),
            proto: HeaderValue::from_static(proto),
            forwarded: value(&forwarded),
            local: value(&local.to_string()),
        }
    }

    /// Writes the fields. `Host` must be right already.
    pub(crate) fn write(&self, headers: &mut HeaderMap, how: Forwarded) {
        if !headers.contains_key(HOST) {
            headers.insert(HOST, self.local.clone());
        }
        if how == Forwarded::Keep && headers.contains_key(FOR) {
            return;
        }
        let host = headers.get(HOST).cloned();
        headers.insert(FOR, self.peer.clone());
        headers.insert(PROTO, self.proto.clone());
        if let Some(host) = host {
            headers.insert(ORIGINAL_HOST, host);
        }
        headers.insert(FORWARDED, self.forwarded.clone());
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("an address in letters is a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::of(IpAddr::from([10, 0, 0, 7]), SocketAddr::from(([10, 0, 0, 1], 8080)), false)
    }

    #[test]
    fn a_clients_word_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("app.example"));
        headers.append(FOR, HeaderValue::from_static("6.6.6.6"));
        headers.append(FOR, HeaderValue::from_static("7.7.7.7"));
        headers.insert(PROTO, HeaderValue::from_static("https"));
        headers.insert(ORIGINAL_HOST, HeaderValue::from_static("evil"));
        headers.insert(FORWARDED, HeaderValue::from_static("for=evil"));
        origin().write(&mut headers, Forwarded::Overwrite);
        assert_eq!(headers.get_all(FOR).iter().count(), 1);
        assert_eq!(headers[FOR], "10.0.0.7");
        assert_eq!(headers[PROTO], "http");
        assert_eq!(headers[ORIGINAL_HOST], "app.example");
        assert_eq!(headers[FORWARDED], "for=10.0.0.7;proto=http");
    }

    #[test]
    fn our_own_word_is_kept_and_a_missing_one_added() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("app.example"));
        headers.insert(FOR, HeaderValue::from_static("9.9.9.9"));
        origin().write(&mut headers, Forwarded::Keep);
        assert_eq!(headers[FOR], "9.9.9.9");
        headers.remove(FOR);
        origin().write(&mut headers, Forwarded::Keep);
        assert_eq!(headers[FOR], "10.0.0.7");
    }

    #[test]
    fn an_ipv6_peer_is_quoted_and_a_missing_host_filled_in() {
        let mut headers = HeaderMap::new();
        let local = "[::1]:8080".parse().expect("an address");
        Origin::of("fe80::1".parse().expect("an address"), local, false).write(&mut headers, Forwarded::Overwrite);
        assert_eq!(headers[FORWARDED], "for=\"[fe80::1]\";proto=http");
        assert_eq!(headers[HOST], "[::1]:8080");
    }
}
