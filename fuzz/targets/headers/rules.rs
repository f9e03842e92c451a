//! What must hold of a request that was sent on, beside the one that came.

use std::collections::BTreeSet;

use fuzz::{chain::AT, door::PEER, grammar::Field, request::Message};
use proxy::headers::{Begin, Entry};

/// Said of a message to one hop (RFC 9110, 7.6.1), or of it as a whole by each hop anew: judged one by one.
const JUDGED: [&str; 15] = [
    "connection",
    "content-length",
    "forwarded",
    AT,
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];
/// Of the head alone (RFC 9110, 6.5.1): some of those that do harm.
const NO_TRAILERS: [&str; 8] =
    ["content-length", "transfer-encoding", "host", "authorization", "cookie", "connection", "forwarded", "x-real-ip"];

/// The head and content of a request that entered, as the queue-proxy gets it.
pub fn entered(came: &Message, sent: &Message, entry: &Entry) {
    assert_eq!((&sent.method, &sent.target, sent.version), (&came.method, &path(&came.target), 1));
    assert_eq!(sent.body, came.body, "the content");
    assert!(sent.trailers.iter().all(|(name, _)| !NO_TRAILERS.contains(&&**name)), "{:?}", sent.trailers);
    hop(came, sent);
    host(came, sent);
    origin(came, sent, entry);
    way(came, sent, entry.traces);

    let named = came.list("connection");
    let names =
        |message: &Message| -> BTreeSet<String> { message.fields.iter().map(|(name, _)| name.clone()).collect() };
    for name in names(came).union(&names(sent)).filter(|name| !is_judged(name)) {
        let gone = named.contains(name) && !name.starts_with("todoapp-") && name != "close";
        let before: Vec<_> = came.all(name).filter(|_| !gone).collect();
        assert_eq!(sent.all(name).collect::<Vec<_>>(), before, "{name}, of {came:?}");
    }
}

/// A queue-proxy has nothing to say to what an activator said.
pub fn unchanged(one: &Message, other: &Message) {
    let sorted = |message: &Message| -> Vec<Field> {
        let mut fields: Vec<_> = message.fields.iter().filter(|(name, _)| name != AT).cloned().collect();
        // Of one name the order stays.
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        fields
    };
    assert_eq!(sorted(other), sorted(one));
    assert_eq!((&other.method, &other.target, other.version), (&one.method, &one.target, one.version));
    assert_eq!((&other.body, &other.trailers), (&one.body, &one.trailers));
}

fn is_judged(name: &str) -> bool {
    JUDGED.contains(&name) || name.starts_with("x-forwarded-")
}

fn only<'a>(message: &'a Message, name: &'a str) -> &'a [u8] {
    let all: Vec<_> = message.all(name).collect();
    let [one] = all[..] else { panic!("{} times {name} in {message:?}", all.len()) };
    one
}

fn hop(came: &Message, sent: &Message) {
    for gone in ["keep-alive", "proxy-connection"] {
        assert!(!sent.has(gone), "{gone} belongs to the client's hop: {sent:?}");
    }
    let framings = sent.all("content-length").count() + sent.all("transfer-encoding").count();
    assert!(framings <= 1, "{framings} framings: {sent:?}");
    let options = sent.list("connection");
    assert!(options.iter().all(|option| option == "te" || option == "upgrade"), "{options:?}");
    assert!(!sent.has("te") || came.list("te").contains("trailers"), "{sent:?}");
    assert!(!sent.has("te") || (only(sent, "te") == b"trailers" && options.contains("te")));
    assert_eq!(sent.has("upgrade"), options.contains("upgrade"), "{sent:?}");
    if sent.has("upgrade") {
        assert!(
            came.version == 1 && came.list("connection").contains("upgrade") && !sent.list("upgrade").contains("h2c")
        );
        assert!(came.all("upgrade").any(|protocol| protocol == only(sent, "upgrade")));
    }
}

fn host(came: &Message, sent: &Message) {
    let host = only(sent, "host");
    let expected = match came.target.split_once("://") {
        Some((_, rest)) if !came.target.starts_with('/') => {
            rest.split(['/', '?', '#']).next().unwrap_or_default().as_bytes()
        }
        _ if came.has("host") => only(came, "host"),
        _ => b"10.0.0.1:8080",
    };
    assert_eq!(host, expected, "{came:?}");
    assert!(
        !host.is_empty() && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte)),
        "{sent:?}"
    );
}

fn origin(came: &Message, sent: &Message, entry: &Entry) {
    let (peer, ours) = (PEER.to_string(), format!("for={PEER};proto=http"));
    let (told, forwarded) = (only(sent, "x-forwarded-for"), only(sent, "forwarded"));
    let said = |name| came.all(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let real = if entry.trusted.is_empty() { vec![] } else { said("x-real-ip") };
    assert_eq!(sent.all("x-real-ip").collect::<Vec<_>>(), real, "the client's address");
    if !entry.trusted.is_empty() && (came.has("x-forwarded-for") || came.has("forwarded")) {
        let last =
            |before: Vec<Vec<u8>>, ours: &str| [before, vec![ours.as_bytes().to_vec()]].concat().join(&b", "[..]);
        assert_eq!(told, last(said("x-forwarded-for"), &peer));
        if came.has("forwarded") {
            assert_eq!(forwarded, last(said("forwarded"), &ours));
        }
        assert!(forwarded.ends_with(ours.as_bytes()));
        return;
    }
    assert_eq!((told, forwarded), (peer.as_bytes(), ours.as_bytes()));
    assert_eq!(only(sent, "x-forwarded-proto"), b"http");
    assert_eq!(only(sent, "x-forwarded-host"), only(sent, "host"));
    if entry.trusted.is_empty() {
        let ours = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
        let others =
            sent.fields.iter().filter(|(name, _)| name.starts_with("x-forwarded-") && !ours.contains(&&**name));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&Field>::new(), "anybody's word about the origin");
    }
}

fn way(came: &Message, sent: &Message, traces: Begin) {
    let ours = if came.version == 1 { &b"1.1 todoapp"[..] } else { b"1.0 todoapp" };
    let via: Vec<_> = came.all("via").chain([ours]).collect();
    assert_eq!(sent.all("via").collect::<Vec<_>>(), via);

    let parents: Vec<_> = came.all("traceparent").collect();
    if let [parent] = parents[..]
        && is_parent(parent)
    {
        assert_eq!(only(sent, "traceparent"), parent);
        assert!(sent.all("tracestate").eq(came.all("tracestate")));
        return;
    }
    assert!(!sent.has("tracestate"), "{sent:?}");
    match traces {
        Begin::Never => assert!(!sent.has("traceparent")),
        Begin::Sampled | Begin::Unsampled => assert!(is_parent(only(sent, "traceparent"))),
    }
}

/// W3C Trace Context, 2.2.
fn is_parent(value: &[u8]) -> bool {
    let Some(value) = std::str::from_utf8(value).ok().filter(|value| value.is_ascii()) else { return false };
    let parts: Vec<&str> = value.splitn(5, '-').collect();
    let [version, trace, span, flags, ..] = parts[..] else { return false };
    let hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let some = |part: &str| part.bytes().any(|byte| byte != b'0');
    hex(version, 2)
        && hex(trace, 32)
        && hex(span, 16)
        && hex(flags, 2)
        && some(trace)
        && some(span)
        && version != "ff"
        && (parts.len() == 4 || version != "00")
}

/// Path and query of a target, which RFC 9112, 3.2 lets come in absolute form.
fn path(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find(['/', '?']).map_or("", |at| &rest[at..]),
        _ => target,
    };
    if path.starts_with('/') || path == "*" { path.to_owned() } else { format!("/{path}") }
}
