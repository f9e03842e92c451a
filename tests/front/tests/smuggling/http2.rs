//! Requests of HTTP/2 that would be others in HTTP/1, which our proxies speak to the server. Written frame by frame, for
//! no library would.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use front::stack::PUBLIC_PORT;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::payloads::Seen;

const PATIENCE: Duration = Duration::from_secs(5);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Name, further fields (of one that is there already, a replacement if it begins with a colon), body, and all that the
/// server may see of it.
pub type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static [Seen]);

const HELLO: &[Seen] = &[("POST", "/a", "hello")];
const NOTHING: &[Seen] = &[];

/// The first is good.
pub const CASES: &[Case] = &[
    ("good", &[("content-length", "5")], "hello", HELLO),
    ("length too short", &[("content-length", "0")], "GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n", NOTHING),
    ("length too long", &[("content-length", "50")], "hello", NOTHING),
    ("length twice", &[("content-length", "5"), ("content-length", "0")], "hello", NOTHING),
    ("coding", &[("transfer-encoding", "chunked")], "0\r\n\r\nGET /b HTTP/1.1\r\nHost: localhost\r\n\r\n", NOTHING),
    ("coding by underscore", &[("transfer_encoding", "chunked")], "hello", HELLO),
    ("connection", &[("connection", "transfer-encoding")], "hello", NOTHING),
    ("upgrade", &[("upgrade", "foo")], "hello", NOTHING),
    ("line in a value", &[("x", "a\r\ntransfer-encoding: chunked")], "hello", NOTHING),
    ("LF in a value", &[("x", "a\ntransfer-encoding: chunked")], "hello", NOTHING),
    ("NUL in a value", &[("x", "a\0")], "hello", NOTHING),
    ("line in a name", &[("x: a\r\ny", "b")], "hello", NOTHING),
    ("colon in a name", &[("x:", "b")], "hello", NOTHING),
    ("space in a name", &[("transfer-encoding ", "chunked")], "hello", NOTHING),
    ("upper case", &[("Transfer-Encoding", "chunked")], "hello", NOTHING),
    ("request in the path", &[(":path", "/a HTTP/1.1\r\nHost: localhost\r\n\r\nGET /b")], "hello", NOTHING),
    ("space in the path", &[(":path", "/a HTTP/1.1")], "hello", NOTHING),
    ("path without slash", &[(":path", "a")], "hello", NOTHING),
    ("empty path", &[(":path", "")], "hello", NOTHING),
    ("request in the method", &[(":method", "GET /b HTTP/1.1\r\nX:")], "hello", NOTHING),
    ("line in the authority", &[(":authority", "localhost\r\nx: y")], "hello", NOTHING),
    ("user in the authority", &[(":authority", "x@localhost")], "hello", NOTHING),
    ("path in the authority", &[(":authority", "localhost/b")], "hello", NOTHING),
    ("line in the scheme", &[(":scheme", "http://localhost/b HTTP/1.1\r\nx: y")], "hello", NOTHING),
    ("other Host", &[("host", "other")], "hello", NOTHING),
    ("pseudo-field after a field", &[("x", "y"), (":path2", "/b")], "hello", NOTHING),
];

/// Sends it on a connection of its own and waits until its stream is over. Gives the first byte of the field block of
/// the answer, if there was one: 0x88 is status 200 (RFC 7541, appendix A).
pub async fn exchange(&(_, fields, body, _): &Case) -> Result<Option<u8>> {
    let mut head = vec![(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/a")];
    for (name, value) in fields {
        match head.iter_mut().find(|(known, _)| known == name && name.starts_with(':')) {
            Some(known) => known.1 = value,
            None => head.push((name, value)),
        }
    }
    let block: Vec<u8> = head.iter().flat_map(|(name, value)| [&[0], &text(name)[..], &text(value)].concat()).collect();
    let sent = [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[]),
        &frame(HEADERS, END_HEADERS, 1, &block),
        &frame(DATA, END_STREAM, 1, body.as_bytes()),
    ];
    let mut stream = TcpStream::connect(("127.0.0.1", PUBLIC_PORT)).await?;
    stream.write_all(&sent.concat()).await?;
    timeout(PATIENCE, answer(&mut stream)).await.context("the stream does not end")?
}

async fn answer(stream: &mut TcpStream) -> Result<Option<u8>> {
    let mut status = None;
    let mut head = [0; 9];
    // An end without a word is a refusal too.
    while stream.read_exact(&mut head).await.is_ok() {
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await?;
        let ours = u32::from_be_bytes(id) == 1;
        if kind == HEADERS && ours && status.is_none() {
            status = payload.first().copied();
        }
        let over = ours && (kind == RESET || matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0);
        if over || kind == GOAWAY {
            break;
        }
    }
    Ok(status)
}

/// A string as HPACK has it, without Huffman's code.
fn text(text: &str) -> Vec<u8> {
    assert!(text.len() < 127, "a length of one byte");
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Whether the server's answer came through.
///
/// # Errors
/// The good one was refused.
pub fn passed(case: &Case, status: Option<u8>) -> Result<bool> {
    const OK: u8 = 0x88;
    ensure!(case.0 != CASES[0].0 || status == Some(OK), "a good request was refused");
    Ok(status == Some(OK))
}
