//! HTTP/1.1 requests as RFC 9112 has them, and not a byte more: what is refused here and served by us is a finding.

use std::collections::BTreeSet;

/// A whole request.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub method: String,
    pub target: String,
    /// Minor version.
    pub version: u8,
    /// Names in lower case.
    pub fields: Vec<Field>,
    pub body: Vec<u8>,
    pub trailers: Vec<Field>,
}

pub type Field = (String, Vec<u8>);

/// What there is in a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub whole: Vec<Message>,
    /// Why the bytes after these are no request.
    pub fault: Option<&'static str>,
}

enum Stop {
    /// More bytes are needed.
    Short,
    Fault(&'static str),
}
use Stop::{Fault, Short};

pub fn requests(mut bytes: &[u8]) -> Read {
    let mut whole = Vec::new();
    loop {
        match request(&mut bytes) {
            Ok(message) => whole.push(message),
            Err(Short) => return Read { whole, fault: None },
            Err(Fault(fault)) => return Read { whole, fault: Some(fault) },
        }
    }
}

impl Message {
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| &value[..])
    }

    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The entries of a list field, trimmed and in lower case; empty ones are none.
    pub fn list(&self, name: &str) -> BTreeSet<String> {
        let entries = self.all(name).flat_map(|value| value.split(|byte| *byte == b','));
        let text = |entry: &[u8]| String::from_utf8_lossy(entry.trim_ascii()).to_ascii_lowercase();
        entries.map(text).filter(|entry| !entry.is_empty()).collect()
    }
}

fn request(rest: &mut &[u8]) -> Result<Message, Stop> {
    let mut line = self::line(rest)?;
    while line.is_empty() {
        line = self::line(rest)?;
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
    let fields = fields(rest)?;
    let mut message =
        Message { method: text(method), target: text(target), version, fields, body: Vec::new(), trailers: Vec::new() };
    content(&mut message, rest)?;
    Ok(message)
}

/// RFC 9112, 6.3.
fn content(message: &mut Message, rest: &mut &[u8]) -> Result<(), Stop> {
    let lengths = message.all("content-length").collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let codings: Vec<&[u8]> = message.all("transfer-encoding").collect();
    match (&lengths[..], &codings[..]) {
        ([], []) => {}
        ([length], []) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let length = text(length).parse().ok().filter(|_| digits).ok_or(Fault("the length is no number"))?;
            message.body = take(rest, length)?.to_vec();
        }
        // Others we answer by 501, but follow them.
        ([], [.., last]) if message.version == 1 && ends_chunked(last) => chunks(message, rest)?,
        ([_], [_, ..]) => return Err(Fault("a length beside a coding")),
        ([], _) => return Err(Fault("the coding does not end in chunked")),
        _ => return Err(Fault("lengths that differ")),
    }
    Ok(())
}

fn ends_chunked(coding: &[u8]) -> bool {
    coding.rsplit(|byte| *byte == b',').next().is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// RFC 9112, 7.1.
fn chunks(message: &mut Message, rest: &mut &[u8]) -> Result<(), Stop> {
    loop {
        let line = line(rest)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = usize::from_str_radix(&text(&line[..digits]), 16).map_err(|_| Fault("the size of a chunk"))?;
        let extension = line[digits..].trim_ascii_start();
        if !(extension.is_empty() || extension.starts_with(b";")) || extension.iter().any(is_control) {
            return Err(Fault("an extension of a chunk"));
        }
        if size == 0 {
            message.trailers = fields(rest)?;
            return Ok(());
        }
        message.body.extend_from_slice(take(rest, size)?);
        if !self::line(rest)?.is_empty() {
            return Err(Fault("a chunk is longer than its size"));
        }
    }
}

fn fields(rest: &mut &[u8]) -> Result<Vec<Field>, Stop> {
    let mut fields = Vec::new();
    loop {
        let line = line(rest)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Fault("a field without colon"))?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) || value.iter().any(is_control) {
            return Err(Fault("a field's name or value"));
        }
        fields.push((text(name).to_ascii_lowercase(), value.trim_ascii().to_vec()));
    }
}

/// Up to CR LF; neither stands alone.
fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Stop> {
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or(Short)?;
    let line = rest[..end].strip_suffix(b"\r").ok_or(Fault("LF alone"))?;
    *rest = &rest[end + 1..];
    if line.contains(&b'\r') { Err(Fault("CR alone")) } else { Ok(line) }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Stop> {
    let (taken, left) = rest.split_at_checked(length).ok_or(Short)?;
    *rest = left;
    Ok(taken)
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn is_control(byte: &u8) -> bool {
    (*byte < b' ' && *byte != b'\t') || *byte == 0x7f
}

/// A byte a character.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
