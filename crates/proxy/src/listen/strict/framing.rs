//! Where the messages of a stream of requests begin and end, as hyper sees it.

use memchr::memchr;

use super::{
    super::http::PREFACE,
    head::{Follows, Head, Read},
    lines::{End, Lines},
};

/// How far a stream has been followed.
pub(super) struct Framing(State);

enum State {
    /// So many bytes of HTTP/2's preface have come, and nothing else.
    Preface(usize),
    Head(Head),
    /// Bytes that are still to come.
    Body(u64),
    /// In the line before a chunk, and the size that it has told so far.
    Size(u64),
    /// Behind that size.
    Extension(u64),
    /// Bytes that are still to come.
    Chunk(u64),
    ChunkEnd,
    Trailers(Lines),
    /// Nothing is looked at any more: it is HTTP/2, or perhaps another protocol, or hyper is about to refuse it.
    Free,
}

/// What came of some bytes.
enum Step {
    /// They are all of the present state.
    All,
    /// After so many bytes there is another state.
    Next(usize, State),
    /// The byte at this place must not pass.
    Refused(usize),
}

impl Default for Framing {
    fn default() -> Self {
        Self(State::Preface(0))
    }
}

impl Framing {
    /// Goes on with what was read. Gives the place of a byte that must not pass, and is not to be asked again then.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            match self.0.step(&bytes[at..]) {
                Step::All => return None,
                Step::Next(used, next) => {
                    at += used;
                    self.0 = next;
                }
                Step::Refused(place) => return Some(at + place),
            }
        }
        None
    }
}

impl State {
    fn head() -> Self {
        Self::Head(Head::default())
    }

    fn step(&mut self, bytes: &[u8]) -> Step {
        match self {
            Self::Free => Step::All,
            Self::Preface(known) => preface(known, bytes),
            Self::Head(head) => match head.read(bytes) {
                Read::All => Step::All,
                Read::Refused(at) => Step::Refused(at),
                Read::Ended(used, follows) => Step::Next(used, Self::after_head(follows)),
            },
            Self::Body(left) => skip(left, bytes, Self::head),
            Self::Size(size) => digits(size, bytes),
            Self::Extension(0) => skip_line(bytes, Self::Trailers(Lines::default())),
            Self::Extension(size) => skip_line(bytes, Self::Chunk(*size)),
            Self::Chunk(left) => skip(left, bytes, || Self::ChunkEnd),
            Self::ChunkEnd => skip_line(bytes, Self::Size(0)),
            Self::Trailers(lines) => match lines.cut(bytes) {
                (_, None) => Step::All,
                (piece, Some(End::Bare)) => Step::Refused(piece.len()),
                (piece, Some(End::Blank)) => Step::Next(piece.len() + 1, Self::head()),
                (piece, Some(End::Line)) => Step::Next(piece.len() + 1, Self::Trailers(Lines::default())),
            },
        }
    }

    fn after_head(follows: Follows) -> Self {
        match follows {
            Follows::Head => Self::head(),
            Follows::Body(length) => Self::Body(length),
            Follows::Chunks => Self::Size(0),
            Follows::Unknown => Self::Free,
        }
    }
}

fn preface(known: &mut usize, bytes: &[u8]) -> Step {
    let same = bytes.iter().zip(&PREFACE[*known..]).take_while(|(came, expected)| came == expected).count();
    *known += same;
    if *known == PREFACE.len() {
        return Step::Next(same, State::Free);
    }
    if same == bytes.len() {
        return Step::All;
    }
    // HTTP/1 after all, of which the first bytes are the same.
    let mut begun = Framing(State::head());
    begun.follow(&PREFACE[..*known]);
    Step::Next(same, begun.0)
}

fn skip(left: &mut u64, bytes: &[u8], then: impl FnOnce() -> State) -> Step {
    match usize::try_from(*left) {
        Ok(left) if left <= bytes.len() => Step::Next(left, then()),
        _ => {
            *left -= bytes.len() as u64;
            Step::All
        }
    }
}

/// Of these lines hyper checks every byte, so that only their end is to be found.
fn skip_line(bytes: &[u8], then: State) -> Step {
    memchr(b'\n', bytes).map_or(Step::All, |end| Step::Next(end + 1, then))
}

fn digits(size: &mut u64, bytes: &[u8]) -> Step {
    for (at, byte) in bytes.iter().enumerate() {
        let Some(digit) = char::from(*byte).to_digit(16) else { return Step::Next(at, State::Extension(*size)) };
        match size.checked_mul(16) {
            Some(shifted) => *size = shifted + u64::from(digit),
            None => return Step::Next(at, State::Free),
        }
    }
    Step::All
}
