//! What the app is told about where a request came from.

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{FORWARDED, HOST},
};

use super::fields::remove_all;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// nginx's word for the client's address.
pub(super) const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

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
            _ => self.overwrite(headers, how == Forwarded::Append),
        }
    }

    fn overwrite(&self, headers: &mut HeaderMap, trusted: bool) {
        remove_others(headers, trusted);
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
/// A `trusted` proxy may say `X-Real-IP` and nothing else.
fn remove_others(headers: &mut HeaderMap, trusted: bool) {
    remove_all(headers, |name| {
        name.as_str().starts_with("x-forwarded-") && ![FOR, PROTO, ORIGINAL_HOST].contains(name)
            || *name == REAL_IP && !trusted
    });
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
mod tests;
