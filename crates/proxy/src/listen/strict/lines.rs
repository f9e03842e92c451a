//! Lines of a stream that comes in pieces.

use memchr::memchr;

/// How far the present line has come.
#[derive(Default)]
pub(super) struct Lines {
    bytes: usize,
    /// The last byte was CR.
    cr: bool,
}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There was nothing in it.
    Blank,
    Line,
    /// In LF alone.
    Bare,
}

impl Lines {
    /// Cuts off what belongs to the present line, without its LF, and tells how the line ended if it did.
    pub(super) fn cut<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<End>) {
        let end = memchr(b'\n', bytes);
        let piece = &bytes[..end.unwrap_or(bytes.len())];
        self.bytes += piece.len();
        if let Some(last) = piece.last() {
            self.cr = *last == b'\r';
        }
        if end.is_none() {
            return (piece, None);
        }
        let line = std::mem::take(self);
        let how = match line.cr {
            false => End::Bare,
            true if line.bytes == 1 => End::Blank,
            true => End::Line,
        };
        (piece, Some(how))
    }
}
