//! What must hold of what a client got, beside what the app said.

use std::collections::BTreeSet;

use fuzz::grammar::{Stop, Text, list};
use http::HeaderName;
use proxy::error::{ERROR_HEADER, REASONS};

use super::{
    answer::{Answer, Framing, Stream, answer},
    app::{CANONICAL, Ending},
    hop::{Got, Plan},
};

/// Said of a message to one hop (RFC 9110, 7.6.1), or judged one by one.
const JUDGED: [&str; 11] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "todoapp-places",
    "todoapp-refused",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // Vouches for a request; in an answer it means nothing.
    "x-real-ip",
];
/// What `Connection` may not name away.
const KEPT: [&str; 6] = ["forwarded", "host", "te", "traceparent", "tracestate", "via"];
/// Of the head alone (RFC 9110, 6.5.1): some of those that do harm.
const NO_TRAILERS: [&str; 7] =
    ["content-length", "transfer-encoding", "set-cookie", "location", "connection", "keep-alive", "trailer"];

pub fn check(plan: Plan, said: &[u8], got: &Got) {
    let stream = Stream { head: plan.method == "HEAD", ended: plan.ending == Ending::Close };
    let whole = answer(&mut Text { rest: said, lenient: false }, stream, true).ok().filter(is_plain);
    let Some((client, rest)) = read(&got.first, plan.method, got.closed) else {
        // An answer that breaks at once breaks with its head.
        assert!(got.closed && whole.is_none(), "nothing comes of {whole:?}");
        return;
    };
    assert!(client.whole || got.closed, "a broken answer leaves its connection open: {client:?}");
    framed(&client);
    let mut words = Text { rest: said, lenient: true };
    let app = answer(&mut words, stream, true).ok();
    let theirs = app.as_ref().is_some_and(|app| app.status == client.status && errors(app) == errors(&client));
    if is_ours(&client) && !(theirs && whole.is_some()) {
        assert!(client.whole && rest.is_empty() || theirs, "{client:?} and {rest:?}");
        assert!(whole.is_none(), "{whole:?} does not reach the client: {client:?}");
    } else {
        let app = app.unwrap_or_else(|| panic!("the client gets {client:?}, which nobody said"));
        passed(plan, &app, &client);
        assert!(client.whole || whole.is_none(), "{whole:?} is cut: {client:?}");
        if client.status == 101 {
            tunnelled(plan, words.rest, rest, got.closed);
        } else {
            assert!(rest.is_empty(), "more than the answer: {rest:?} after {client:?}");
        }
    }
    if !got.closed && client.status != 101 {
        second(&got.second);
    }
}

/// What there is of the client's stream, if there is a head.
fn read<'a>(bytes: &'a [u8], method: &str, ended: bool) -> Option<(Answer, &'a [u8])> {
    let mut text = Text { rest: bytes, lenient: false };
    match answer(&mut text, Stream { head: method == "HEAD", ended }, false) {
        Ok(answer) => Some((answer, text.rest)),
        Err(Stop::Short) => None,
        Err(Stop::Fault(fault)) => panic!("we say what is no HTTP: {fault}"),
    }
}

fn is_ours(client: &Answer) -> bool {
    matches!(client.status, 502 | 504)
        && errors(client).iter().any(|told| REASONS.iter().any(|reason| reason.as_bytes() == *told))
}

/// Apps may say them too.
fn errors(answer: &Answer) -> Vec<&[u8]> {
    static NAME: HeaderName = ERROR_HEADER;
    answer.all(NAME.as_str()).collect()
}

/// Whole, and nothing that we may refuse: a change of protocol, or what hyper alone finds wrong.
fn is_plain(app: &Answer) -> bool {
    let framings = app.all("content-length").count() + app.all("transfer-encoding").count();
    let mut lengths = app.all("content-length");
    let length = lengths.all(|length| !length.is_empty() && length.iter().all(u8::is_ascii_digit));
    app.whole && app.status >= 200 && framings <= 1 && length && app.fields.len() < 90
}

/// One framing, and only what is said to the client's hop.
fn framed(client: &Answer) {
    let (lengths, codings) = (client.all("content-length").count(), client.all("transfer-encoding").count());
    assert!(lengths + codings <= 1, "{client:?}");
    assert!(client.all("transfer-encoding").all(|coding| coding == b"chunked"), "{client:?}");
    if matches!(client.status, 101 | 204) {
        assert_eq!(lengths + codings, 0, "{client:?}");
    }
    for gone in ["keep-alive", "proxy-connection", "todoapp-places", "todoapp-refused"] {
        assert!(!client.has(gone), "{gone}: {client:?}");
    }
    let known = |option: String| matches!(&*option, "close" | "keep-alive" | "upgrade");
    assert!(list(&client.fields, "connection").all(known), "{client:?}");
    // Of a change of protocol the app may have forgotten to say to which.
    let upgrade = client.lists("connection", "upgrade");
    assert!(client.has("upgrade") == upgrade || upgrade && client.status == 101, "{client:?}");
    assert!(!client.has("upgrade") || matches!(client.status, 101 | 426), "{client:?}");
    let mut trailers = client.trailers.iter().map(|(name, _)| &**name);
    let of_head = |name: &str| NO_TRAILERS.contains(&name) || name.starts_with("todoapp-");
    assert!(!trailers.any(of_head), "{:?}", client.trailers);
}

/// The app's answer, as far as it went.
fn passed(plan: Plan, app: &Answer, client: &Answer) {
    assert_eq!(client.status, app.status);
    assert!(client.status != 101 || plan.upgrade && !plan.old, "nobody asked for another protocol");
    fields(app, client);
    assert!(app.body.starts_with(&client.body), "{:?} of {app:?}", client.body);
    // To HTTP/1.0 an end without a length is all that can be said.
    let vague = plan.old && client.framing == Framing::Close;
    if client.whole && !vague {
        assert!(app.whole && client.body == app.body, "{client:?} looks whole, but {app:?}");
        assert!(client.trailers.iter().all(|trailer| app.trailers.contains(trailer)), "{client:?} of {app:?}");
    }
}

fn fields(app: &Answer, client: &Answer) {
    let named: BTreeSet<String> = list(&app.fields, "connection").collect();
    let kept = |name: &str| KEPT.contains(&name) || name.starts_with("x-forwarded-") || name.starts_with("todoapp-");
    let names: BTreeSet<&String> = app.fields.iter().chain(&client.fields).map(|(name, _)| name).collect();
    for name in names.into_iter().filter(|name| !JUDGED.contains(&&***name)) {
        let gone = named.contains(name) && !kept(name);
        let before: Vec<_> = app.all(name).filter(|_| !gone).collect();
        assert_eq!(client.all(name).collect::<Vec<_>>(), before, "{name} of {app:?}");
    }
    if app.has("date") && !named.contains("date") {
        assert!(client.all("date").eq(app.all("date")), "{client:?} of {app:?}");
    }
    // Several lines are one list; where nothing can follow it is of no use.
    let trailer = list(&app.fields, "trailer").filter(|_| !named.contains("trailer"));
    let useless = client.framing != Framing::Chunked && !client.has("trailer");
    assert!(useless || list(&client.fields, "trailer").eq(trailer), "{client:?} of {app:?}");
    if client.framing == Framing::Empty {
        // What GET would have got is the app's to say.
        assert!(!client.has("content-length") || app.has("content-length"), "{client:?} of {app:?}");
    }
}

/// Bytes behind a change of protocol.
fn tunnelled(plan: Plan, said: &[u8], got: &[u8], closed: bool) {
    assert!(said.starts_with(got), "{got:?} came through the tunnel");
    assert!(plan.ending == Ending::Reset || said == got, "{got:?} of {said:?} came through the tunnel");
    assert_eq!(closed, plan.ending != Ending::Stay || closed, "the tunnel is as long as the app's connection");
}

/// To whatever the app says to the first request, the second one's answer is its own.
fn second(bytes: &[u8]) {
    let (client, rest) = read(bytes, "GET", true).expect("an answer to the second request");
    assert!(client.whole && rest.is_empty(), "{client:?} and {rest:?}");
    let canonical = client.has("canonical") && CANONICAL.ends_with(&client.body);
    assert!(canonical || is_ours(&client), "what was said before is the answer to another request: {client:?}");
}
