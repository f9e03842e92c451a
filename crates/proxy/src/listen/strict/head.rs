//! What a request's head says about the bytes after it.

use memchr::memchr;

use super::lines::{End, Lines};

/// A head that is being read.
#[derive(Default)]
pub(super) struct Head {
    lines: Lines,
    part: Part,
    /// The beginning of this part.
    kept: Kept,
    length: Option<Length>,
    /// It has a `Transfer-Encoding`. hyper refuses requests with one that does not end in `chunked`.
    chunked: bool,
    /// Another protocol may follow.
    tunnel: bool,
}

/// Where in a line we are.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    RequestLine,
    Name,
    Length,
    Upgrade,
    /// The rest of it says nothing about what follows.
    Rest,
}

/// The value of a `Content-Length`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(u64),
    /// hyper refuses it.
    Wrong,
}

/// What came of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The head goes on.
    All,
    /// It ended after so many bytes.
    Ended(usize, Follows),
    /// The byte at this place must not pass.
    Refused(usize),
}

/// What comes after a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    Head,
    Body(u64),
    Chunks,
    Unknown,
}

impl Head {
    pub(super) fn read(&mut self, bytes: &[u8]) -> Read {
        let mut at = 0;
        loop {
            let (piece, end) = self.lines.cut(&bytes[at..]);
            self.take(piece);
            at += piece.len();
            match end {
                None => return Read::All,
                Some(End::Bare) => return Read::Refused(at),
                // RFC 9112, 2.2: before a request empty lines are ignored.
                Some(End::Blank) if self.part == Part::RequestLine => {}
                Some(End::Blank) => return Read::Ended(at + 1, self.follows()),
                Some(End::Line) => match self.conclude() {
                    Ok(()) => self.part = Part::Name,
                    Err(()) => return Read::Refused(at),
                },
            }
            self.kept = Kept::default();
            at += 1;
        }
    }

    fn take(&mut self, piece: &[u8]) {
        match self.part {
            Part::RequestLine | Part::Length | Part::Upgrade => self.kept.push(piece),
            Part::Name => match memchr(b':', piece) {
                None => self.kept.push(piece),
                Some(colon) => {
                    self.part = self.named(&piece[..colon]);
                    if self.part != Part::Rest {
                        self.kept = Kept::default();
                        self.kept.push(&piece[colon + 1..]);
                    }
                }
            },
            Part::Rest => {}
        }
    }

    /// `end` is what of the name has come now; mostly that is all of it.
    fn named(&mut self, end: &[u8]) -> Part {
        let name = if self.kept.is_empty() {
            end
        } else {
            self.kept.push(end);
            self.kept.bytes().unwrap_or_default()
        };
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => Part::Length,
            7 if name.eq_ignore_ascii_case(b"upgrade") => Part::Upgrade,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.chunked = true;
                Part::Rest
            }
            _ => Part::Rest,
        }
    }

    /// At the end of a line.
    ///
    /// # Errors
    /// It must not pass.
    fn conclude(&mut self) -> Result<(), ()> {
        let value = self.kept.bytes().map(<[u8]>::trim_ascii);
        match self.part {
            Part::RequestLine => self.tunnel = self.kept.begin(b"CONNECT "),
            Part::Upgrade => self.tunnel |= !value.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"h2c")),
            // No honest length is so long.
            Part::Length => self.length = Some(Length::of(value.ok_or(())?, self.length)),
            Part::Name | Part::Rest => {}
        }
        if self.chunked && self.length.is_some() { Err(()) } else { Ok(()) }
    }

    const fn follows(&self) -> Follows {
        match self.length {
            _ if self.tunnel => Follows::Unknown,
            _ if self.chunked => Follows::Chunks,
            None | Some(Length::Bytes(0)) => Follows::Head,
            Some(Length::Bytes(length)) => Follows::Body(length),
            Some(Length::Wrong) => Follows::Unknown,
        }
    }
}

impl Length {
    /// RFC 9112, 6.3: digits, and the same in each field.
    fn of(value: &[u8], before: Option<Self>) -> Self {
        let digits = std::str::from_utf8(value).ok().filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|digits| digits.parse().ok()).map(Self::Bytes) {
            Some(length) if before.is_none_or(|before| before == length) => length,
            _ => Self::Wrong,
        }
    }
}

/// The first bytes of something that may come in pieces.
#[derive(Default)]
struct Kept {
    bytes: [u8; 32],
    /// More than there is room for if it was too long.
    length: usize,
}

impl Kept {
    fn push(&mut self, piece: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.length..) {
            let (room, some) = (room.len(), piece.len());
            let some = some.min(room);
            self.bytes[self.length..self.length + some].copy_from_slice(&piece[..some]);
        }
        self.length = self.length.saturating_add(piece.len());
    }

    const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All of it, if there was room.
    fn bytes(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }

    fn begin(&self, with: &[u8]) -> bool {
        self.length >= with.len() && self.bytes.starts_with(with)
    }
}
