//! What the app is told about where a request came from.

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{FORWARDED, HOST},
};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How a client's own word about its origin is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// The client is anybody. Whatever it said is replaced.
    Overwrite,
    /// The client is a proxy that is believed. What it said is kept, and it is named as the last one on the way.
    Append,
    /// The client is a proxy of ours, which has said everything. Only what is missing is added.
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
    /// `secure`: the connection is one of TLS.
    pub(crate) fn of(peer: IpAddr, local: SocketAddr, secure: bool) -> Self {
        let proto = if secure { "https" } else { "http" };
        let forwarded = format!("{};proto={proto}", node(peer));
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
        match how {
            Forwarded::Keep if headers.contains_key(FOR) => {}
            Forwarded::Append if headers.contains_key(FOR) || headers.contains_key(FORWARDED) => self.append(headers),
            _ => self.overwrite(headers),
        }
    }

    fn overwrite(&self, headers: &mut HeaderMap) {
        remove_others(headers);
        let host = headers.get(HOST).cloned();
        headers.insert(FOR, self.peer.clone());
        headers.insert(PROTO, self.proto.clone());
        if let Some(host) = host {
            headers.insert(ORIGINAL_HOST, host);
        }
        headers.insert(FORWARDED, self.forwarded.clone());
    }

    /// Joined in one line each, for many look at the first one only.
    fn append(&self, headers: &mut HeaderMap) {
        // RFC 7239, 7.4: who speaks the other language alone is translated, so that the two do not contradict.
        let forwarded = if headers.contains_key(FORWARDED) {
            joined(headers, &FORWARDED, &self.forwarded)
        } else {
            self.translated(headers)
        };
        let addresses = joined(headers, &FOR, &self.peer);
        headers.insert(FORWARDED, forwarded);
        headers.insert(FOR, addresses);
        let host = headers.get(HOST).cloned();
        headers.entry(PROTO).or_insert_with(|| self.proto.clone());
        if let Some(host) = host {
            headers.entry(ORIGINAL_HOST).or_insert(host);
        }
    }

    fn translated(&self, headers: &HeaderMap) -> HeaderValue {
        let mut elements: Vec<String> = headers
            .get_all(FOR)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(|address| std::str::from_utf8(address).ok()?.trim().parse().ok())
            .map(|address| address.map_or_else(|| "for=unknown".to_owned(), node))
            .collect();
        let said = headers.get(PROTO).map(HeaderValue::as_bytes);
        if let Some(proto) = ["http", "https"].into_iter().find(|proto| said == Some(proto.as_bytes())) {
            elements[0] = [&elements[0], ";proto=", proto].concat();
        }
        let mut forwarded = elements.join(", ").into_bytes();
        forwarded.extend_from_slice(b", ");
        forwarded.extend_from_slice(self.forwarded.as_bytes());
        HeaderValue::from_bytes(&forwarded).expect("addresses with commas between are a value")
    }
}

/// What else anybody may say of a request's way, such as `X-Forwarded-Port` and `-Prefix`: there are apps that believe it.
fn remove_others(headers: &mut HeaderMap) {
    let is_other =
        |name: &&HeaderName| name.as_str().starts_with("x-forwarded-") && ![FOR, PROTO, ORIGINAL_HOST].contains(name);
    if headers.keys().any(|name| is_other(&name)) {
        let others: Vec<HeaderName> = headers.keys().filter(is_other).cloned().collect();
        for name in others {
            headers.remove(name);
        }
    }
}

/// An address as RFC 7239, 6 has it: of IPv6 bracketed, and quoted because of the brackets.
fn node(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("for={ip}"),
        IpAddr::V6(ip) => format!("for=\"[{ip}]\""),
    }
}

/// All that a list field says, and `last`.
fn joined(headers: &HeaderMap, name: &HeaderName, last: &HeaderValue) -> HeaderValue {
    let mut lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    lines.push(last.as_bytes());
    HeaderValue::from_bytes(&lines.join(&b", "[..])).expect("values with commas between are a value")
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
        for other in ["x-forwarded-port", "x-forwarded-prefix", "x-forwarded-", "x-forwarded-for-real"] {
            headers.append(other, HeaderValue::from_static("evil"));
            headers.append(other, HeaderValue::from_static("evil"));
        }
        origin().write(&mut headers, Forwarded::Overwrite);
        assert_eq!(headers.get_all(FOR).iter().count(), 1);
        assert_eq!(headers[FOR], "10.0.0.7");
        assert_eq!(headers[PROTO], "http");
        assert_eq!(headers[ORIGINAL_HOST], "app.example");
        assert_eq!(headers[FORWARDED], "for=10.0.0.7;proto=http");
        assert_eq!(headers.len(), 5, "{headers:?}");
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

    fn appended(lines: &[(HeaderName, &'static str)]) -> [String; 4] {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("app.example"));
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        origin().write(&mut headers, Forwarded::Append);
        [FOR, PROTO, ORIGINAL_HOST, FORWARDED].map(|name| {
            assert_eq!(headers.get_all(&name).iter().count(), 1, "{name}");
            headers[name].to_str().expect("text").to_owned()
        })
    }

    #[test]
    fn a_trusted_proxys_word_is_kept_and_it_is_named_last() {
        let all = [(FOR, "9.9.9.9, ::1"), (FOR, "x"), (PROTO, "https"), (ORIGINAL_HOST, "shop.example")];
        assert_eq!(
            appended(&all),
            [
                "9.9.9.9, ::1, x, 10.0.0.7",
                "https",
                "shop.example",
                "for=9.9.9.9;proto=https, for=\"[::1]\", for=unknown, for=10.0.0.7;proto=http"
            ]
        );
        let forwarded = [(FORWARDED, "for=9.9.9.9;host=a"), (FORWARDED, "for=_b"), (PROTO, "gopher")];
        assert_eq!(
            appended(&forwarded),
            ["10.0.0.7", "gopher", "app.example", "for=9.9.9.9;host=a, for=_b, for=10.0.0.7;proto=http"]
        );
        // Nothing said is nothing believed.
        assert_eq!(appended(&[]), ["10.0.0.7", "http", "app.example", "for=10.0.0.7;proto=http"]);
        assert_eq!(appended(&[(PROTO, "https")])[1], "http");
    }

    #[test]
    fn a_connection_of_tls_is_told_of() {
        let mut headers = HeaderMap::new();
        let local = SocketAddr::from(([10, 0, 0, 1], 8443));
        Origin::of(IpAddr::from([10, 0, 0, 7]), local, true).write(&mut headers, Forwarded::Overwrite);
        assert_eq!(headers[PROTO], "https");
        assert_eq!(headers[FORWARDED], "for=10.0.0.7;proto=https");
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
