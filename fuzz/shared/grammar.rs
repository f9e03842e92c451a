//! The parts of HTTP/1.1 messages as RFC 9112 has them.

/// Name in lower case, value.
pub type Field = (String, Vec<u8>);

pub enum Stop {
    /// More bytes are needed.
    Short,
    Fault(&'static str),
}
use Stop::{Fault, Short};

/// What is left of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub rest: &'a [u8],
    /// Whether LF alone ends a line, which a recipient may take it for (2.2).
    pub lenient: bool,
}

impl<'a> Text<'a> {
    /// Up to CR LF; CR never stands alone.
    pub fn line(&mut self) -> Result<&'a [u8], Stop> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(Short)?;
        let line = &self.rest[..end];
        let line = match line.strip_suffix(b"\r") {
            Some(line) => line,
            None if self.lenient => line,
            None => return Err(Fault("LF alone")),
        };
        self.rest = &self.rest[end + 1..];
        if line.contains(&b'\r') { Err(Fault("CR alone")) } else { Ok(line) }
    }

    /// Appends so many bytes, or as many of them as there are.
    pub fn take(&mut self, length: usize, to: &mut Vec<u8>) -> Result<(), Stop> {
        let (taken, left) = self.rest.split_at(length.min(self.rest.len()));
        to.extend_from_slice(taken);
        self.rest = left;
        if taken.len() == length { Ok(()) } else { Err(Short) }
    }

    /// Up to an empty line.
    pub fn fields(&mut self) -> Result<Vec<Field>, Stop> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
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

    /// Appends what is in the chunks (7.1) and gives the trailers.
    pub fn chunks(&mut self, to: &mut Vec<u8>) -> Result<Vec<Field>, Stop> {
        loop {
            let line = self.line()?;
            let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let size = usize::from_str_radix(&text(&line[..digits]), 16).map_err(|_| Fault("the size of a chunk"))?;
            let extension = line[digits..].trim_ascii_start();
            // What is in it, but for the end of a line, does no harm: it is never sent on.
            if !(extension.is_empty() || extension.starts_with(b";")) {
                return Err(Fault("an extension of a chunk"));
            }
            if size == 0 {
                return self.fields();
            }
            self.take(size, to)?;
            if !self.line()?.is_empty() {
                return Err(Fault("a chunk is longer than its size"));
            }
        }
    }
}

/// Values of this name.
pub fn all<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| &value[..])
}

/// The entries of a list field, trimmed and in lower case; empty ones are none.
pub fn list<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = String> {
    let entries = all(fields, name).flat_map(|value| value.split(|byte| *byte == b','));
    let text = |entry: &[u8]| String::from_utf8_lossy(entry.trim_ascii()).to_ascii_lowercase();
    entries.map(text).filter(|entry| !entry.is_empty())
}

/// Whether these codings end in chunked.
pub fn ends_chunked(coding: &[u8]) -> bool {
    coding.rsplit(|byte| *byte == b',').next().is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// Of digits alone; leading zeros do not change it.
pub fn number(bytes: &[u8]) -> Option<u64> {
    text(bytes).parse().ok().filter(|_| bytes.iter().all(u8::is_ascii_digit))
}

pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// A byte a character.
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn is_control(byte: &u8) -> bool {
    (*byte < b' ' && *byte != b'\t') || *byte == 0x7f
}
