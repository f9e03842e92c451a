//! HTTP/1.1 answers as RFC 9112 has them, as far as they go.

use fuzz::grammar::{
    self, Field,
    Stop::{self, Fault},
    Text, ends_chunked, text,
};

/// An answer whose head is whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub version: u8,
    pub fields: Vec<Field>,
    pub framing: Framing,
    /// What there is of it.
    pub body: Vec<u8>,
    pub trailers: Vec<Field>,
    /// Whether it is over.
    pub whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By its status or its request's method.
    Empty,
    Length,
    Chunked,
    Close,
}

/// What is known of a reader's stream besides its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// The request's method was HEAD.
    pub head: bool,
    /// It was ended, not cut.
    pub ended: bool,
}

/// The next final answer. `interim` ones before it are passed over where they may be.
pub fn answer(from: &mut Text<'_>, stream: Stream, interim: bool) -> Result<Answer, Stop> {
    loop {
        let (status, version) = status_line(from)?;
        let fields = from.fields()?;
        let between = (100..200).contains(&status) && status != 101;
        if between && !interim {
            return Err(Fault("an interim answer that nobody waits for"));
        }
        if !between {
            return content(Answer::new(status, version, fields), from, stream);
        }
    }
}

impl Answer {
    fn new(status: u16, version: u8, fields: Vec<Field>) -> Self {
        let (body, trailers) = (Vec::new(), Vec::new());
        Self { status, version, fields, framing: Framing::Empty, body, trailers, whole: false }
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        grammar::all(&self.fields, name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Whether a list field has this entry.
    pub fn lists(&self, name: &str, entry: &str) -> bool {
        grammar::list(&self.fields, name).any(|known| known == entry)
    }
}

fn status_line(from: &mut Text<'_>) -> Result<(u16, u8), Stop> {
    let mut line = from.line()?;
    while from.lenient && line.is_empty() {
        line = from.line()?;
    }
    let version = match line.get(..9) {
        Some(b"HTTP/1.1 ") => 1,
        Some(b"HTTP/1.0 ") => 0,
        _ => return Err(Fault("the version")),
    };
    let (status, reason) = line[9..].split_at_checked(3).ok_or(Fault("no status"))?;
    if !status.iter().all(u8::is_ascii_digit) || !(reason.starts_with(b" ") || from.lenient && reason.is_empty()) {
        return Err(Fault("the status"));
    }
    if reason.iter().any(|byte| *byte < b' ' && *byte != b'\t' || *byte == 0x7f) {
        return Err(Fault("the reason"));
    }
    let status = text(status).parse().ok().filter(|status| *status >= 100).ok_or(Fault("the status"))?;
    Ok((status, version))
}

/// RFC 9112, 6.3.
fn content(mut answer: Answer, from: &mut Text<'_>, stream: Stream) -> Result<Answer, Stop> {
    let lengths: Vec<Option<u64>> =
        grammar::list(&answer.fields, "content-length").map(|length| grammar::number(length.as_bytes())).collect();
    let codings: Vec<&[u8]> = answer.all("transfer-encoding").collect();
    let length = match &lengths[..] {
        [] if !answer.has("content-length") => None,
        [Some(length), others @ ..] if others.iter().all(|other| *other == Some(*length)) => Some(Ok(*length)),
        _ => Some(Err(Fault("the length is no number"))),
    };
    answer.framing = match (length.is_some(), codings.last()) {
        _ if stream.head || matches!(answer.status, 101 | 204 | 304) => Framing::Empty,
        (_, Some(_)) if answer.version == 0 => return Err(Fault("a coding in HTTP/1.0")),
        // With bytes that no coding may have it is no list of them (RFC 9112, 7), and hyper takes the connection's end.
        (_, Some(coding)) if coding.is_ascii() && ends_chunked(coding) => Framing::Chunked,
        (true, None) => Framing::Length,
        (_, _) => Framing::Close,
    };
    answer.whole = match (answer.framing, length) {
        (Framing::Empty, _) => true,
        (Framing::Length, Some(length)) => {
            let length = usize::try_from(length?).unwrap_or(usize::MAX);
            from.take(length, &mut answer.body).is_ok()
        }
        (Framing::Chunked, _) => match from.chunks(&mut answer.body) {
            Ok(trailers) => {
                answer.trailers = trailers;
                true
            }
            Err(_) => false,
        },
        (..) => {
            let rest = from.rest.len();
            from.take(rest, &mut answer.body).is_ok() && stream.ended
        }
    };
    Ok(answer)
}
