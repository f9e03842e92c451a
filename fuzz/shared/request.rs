//! HTTP/1.1 requests as RFC 9112 has them, and not a byte more: what is refused here and served by us is a finding.

use std::collections::BTreeSet;

use crate::grammar::{
    self, Field,
    Stop::{self, Fault, Short},
    Text, ends_chunked, is_token, text,
};

/// A whole request.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub method: String,
    pub target: String,
    /// Minor version.
    pub version: u8,
    pub fields: Vec<Field>,
    pub body: Vec<u8>,
    pub trailers: Vec<Field>,
}

/// What there is in a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub whole: Vec<Message>,
    /// Why the bytes after these are no request.
    pub fault: Option<&'static str>,
}

pub fn requests(bytes: &[u8]) -> Read {
    let mut text = Text { rest: bytes, lenient: false };
    let mut whole = Vec::new();
    loop {
        match request(&mut text) {
            Ok(message) => whole.push(message),
            Err(Short) => return Read { whole, fault: None },
            Err(Fault(fault)) => return Read { whole, fault: Some(fault) },
        }
    }
}

impl Message {
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        grammar::all(&self.fields, name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The entries of a list field, in lower case.
    pub fn list(&self, name: &str) -> BTreeSet<String> {
        grammar::list(&self.fields, name).collect()
    }
}

fn request(from: &mut Text<'_>) -> Result<Message, Stop> {
    let mut line = from.line()?;
    while line.is_empty() {
        line = from.line()?;
    }
    let [method, target, version] = line.split(|byte| *byte == b' ').collect::<Vec<_>>()[..] else {
        return Err(Fault("the request line has not three parts"));
    };
    let version = match version {
        b"HTTP/1.1" => 1,
        b"HTTP/1.0" => 0,
        _ => return Err(Fault("the version")),
    };
    if !is_token(method) || target.is_empty() || target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return Err(Fault("method or target"));
    }
    let fields = from.fields()?;
    let mut message =
        Message { method: text(method), target: text(target), version, fields, body: Vec::new(), trailers: Vec::new() };
    content(&mut message, from)?;
    Ok(message)
}

/// RFC 9112, 6.3.
fn content(message: &mut Message, from: &mut Text<'_>) -> Result<(), Stop> {
    let lengths =
        message.all("content-length").map(grammar::number).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let codings: Vec<&[u8]> = message.all("transfer-encoding").collect();
    match (&lengths[..], &codings[..]) {
        ([], []) => {}
        ([length], []) => {
            let length = length.and_then(|length| length.try_into().ok()).ok_or(Fault("the length is no number"))?;
            from.take(length, &mut message.body)?;
        }
        // Others we answer by 501, but follow them.
        ([], [.., last]) if message.version == 1 && ends_chunked(last) => {
            message.trailers = from.chunks(&mut message.body)?;
        }
        ([_], [_, ..]) => return Err(Fault("a length beside a coding")),
        ([], _) => return Err(Fault("the coding does not end in chunked")),
        _ => return Err(Fault("lengths that differ")),
    }
    Ok(())
}
