//! What a client may send to the activator over HTTP/1, and what of it reaches an app: a byte of settings, one for the
//! pieces in which it arrives, and then the bytes of a connection.
//!
//! They go through the listener and the rewriting of an activator, and what that sends goes through those of a
//! queue-proxy. Both are held to [`fuzz::request`], a reader of our own that takes nothing but RFC 9112's grammar: a request that
//! the two ends see differently is how requests are smuggled.

#![no_main]

mod rules;

use fuzz::{
    chain::{self, AT, Role, pass},
    request::{Read, requests},
};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus { check(data) });

fn check(data: &[u8]) -> Corpus {
    let Some(([settings, step], sent)) = data.split_first_chunk() else { return Corpus::Reject };
    // HTTP/2 has framing of its own.
    if sent.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
        return Corpus::Reject;
    }
    let entry = chain::entry(*settings);
    let step = usize::from(*step).max(1);
    let said = requests(sent);

    let first = pass(&Role::Entry(entry.clone()), sent, step);
    let mut reached = Vec::new();
    for connection in &first.connections {
        let Read { whole, fault, .. } = requests(connection);
        assert!(fault.is_none(), "we sent what is no HTTP: {fault:?} in {:?}", bytes_of(connection));
        reached.extend(whole);
    }
    for sent_on in &reached {
        let at = sent_on.all(AT).next().and_then(|at| std::str::from_utf8(at).ok()?.parse::<usize>().ok());
        let came = at.and_then(|at| said.whole.get(at));
        let came = came.unwrap_or_else(|| panic!("{sent_on:?} was sent on, but {said:?} is what came"));
        rules::entered(came, sent_on, &entry);
    }

    for connection in first.connections.iter().filter(|connection| !connection.is_empty()) {
        let before = requests(connection).whole;
        let second = pass(&Role::Sidecar, connection, step);
        let after: Vec<_> = second.connections.iter().flat_map(|connection| requests(connection).whole).collect();
        assert_eq!(before.len(), after.len(), "the queue-proxy answers {:?}", bytes_of(&second.answers));
        for (one, other) in before.iter().zip(&after) {
            rules::unchanged(one, other);
        }
    }
    Corpus::Keep
}

fn bytes_of(bytes: &[u8]) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(bytes)
}
