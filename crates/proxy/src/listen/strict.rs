//! Refuses in a stream of HTTP/1 what hyper takes and a strict server does not (RFC 9112, 2.2 and 6.3): a line of a head
//! that ends in LF alone, and a `Content-Length` beside a `Transfer-Encoding`, of which hyper shows only one.
//!
//! The byte that breaks the rule is replaced by NUL, which no head may hold, and the stream ends there with an empty
//! line: hyper itself answers 400 and closes. Everything else passes as it came; what [`Framing`] cannot follow is
//! hyper's to judge.

mod framing;
mod head;
mod lines;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::framing::Framing;

/// What follows a refused byte: with it every head is over, and is judged.
const END: &[u8] = b"\r\n\r\n";

/// A stream that is read strictly.
pub(super) struct Strict<I> {
    io: I,
    framing: Framing,
    /// Once a byte was refused: what of [`END`] is still to come.
    end: Option<&'static [u8]>,
    /// What was read and given back.
    again: Vec<u8>,
}

impl<I> Strict<I> {
    pub(super) fn new(io: I) -> Self {
        Self { io, framing: Framing::default(), end: None, again: Vec::new() }
    }

    /// The next read begins with these bytes, which an earlier one had.
    pub(super) fn give_back(&mut self, bytes: &[u8]) {
        self.again = bytes.to_vec();
    }
}

impl<I: AsyncRead + Unpin> Strict<I> {
    fn poll_more(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(end) = &mut self.end {
            let (now, later) = end.split_at(end.len().min(buffer.remaining()));
            buffer.put_slice(now);
            *end = later;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        let read = &mut buffer.filled_mut()[before..];
        if let Some(at) = self.framing.follow(read) {
            read[at] = 0;
            buffer.set_filled(before + at + 1);
            self.end = Some(END);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Strict<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.again.is_empty() {
            return self.poll_more(cx, buffer);
        }
        let now = self.again.len().min(buffer.remaining());
        buffer.put_slice(&self.again[..now]);
        self.again.drain(..now);
        if self.again.is_empty() {
            self.again = Vec::new();
            // More of it in the same read, if it is there. An end, or an error, is found by the next one.
            let _ = self.poll_more(cx, buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Strict<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
