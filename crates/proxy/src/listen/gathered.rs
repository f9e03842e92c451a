//! What a connection of HTTP/2 says in one turn, written with one call of the kernel.
//!
//! h2 flushes after each DATA frame of 256 bytes or more, so nearly every answer would be a write of its own.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that wait for the end of a turn; for more they are written at once.
const ROOM: usize = 32 << 10;
/// From here on a write costs more than its call, and is not copied.
const LARGE: usize = 8 << 10;
/// Of one write; h2 has two.
const SLICES: usize = 8;

/// A stream that is flushed by [`Gathered::poll_written`] alone, for whoever has another clone of it.
pub(super) struct Gathered<I>(Arc<Mutex<Gathering<I>>>);

struct Gathering<I> {
    io: I,
    /// Not yet written.
    said: BytesMut,
}

impl<I> Gathered<I> {
    pub(super) fn new(io: I) -> Self {
        Self(Arc::new(Mutex::new(Gathering { io, said: BytesMut::new() })))
    }
}

impl<I> Clone for Gathered<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I: AsyncWrite + Unpin> Gathered<I> {
    /// At the end of a turn: writes all of it. A connection that is `idle` then keeps no room for more.
    pub(super) fn poll_written(&self, cx: &mut Context<'_>, idle: bool) -> Poll<io::Result<()>> {
        let mut this = self.0.lock();
        ready!(this.poll_said(cx))?;
        if idle {
            this.said = BytesMut::new();
        }
        Pin::new(&mut this.io).poll_flush(cx)
    }
}

impl<I: AsyncWrite + Unpin> Gathering<I> {
    fn poll_said(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.said.is_empty() {
            ready!(self.poll_slices(cx, &[]))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_say(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if length >= LARGE {
            return self.poll_large(cx, slices);
        }
        if self.said.len() + length > ROOM {
            ready!(self.poll_said(cx))?;
        }
        if self.said.is_empty() {
            // Of what it has, or anew.
            self.said.reserve(ROOM);
        }
        for slice in slices {
            self.said.extend_from_slice(slice);
        }
        Poll::Ready(Ok(length))
    }

    fn poll_large(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let written = ready!(self.poll_slices(cx, slices))?;
            if written > 0 {
                return Poll::Ready(Ok(written));
            }
        }
    }

    /// Writes what was said and then these; how much of these.
    fn poll_slices(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut all = [IoSlice::new(&self.said); SLICES];
        let more = slices.len().min(SLICES - 1);
        all[1..=more].copy_from_slice(&slices[..more]);
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &all[..=more]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let before = written.min(self.said.len());
        self.said.advance(before);
        Poll::Ready(Ok(written - before))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Gathered<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Gathered<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().poll_say(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().poll_say(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.0.lock();
        ready!(this.poll_said(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn nothing_is_written_before_the_turn_is_over() {
        let (client, mut server) = tokio::io::duplex(1 << 10);
        let mut gathered = Gathered::new(client);
        for said in ["a", "b", "c"] {
            gathered.write_all(said.as_bytes()).await.unwrap();
            gathered.flush().await.unwrap();
        }
        let mut heard = [0; 4];
        let early = poll_fn(|cx| Poll::Ready(Pin::new(&mut server).poll_read(cx, &mut ReadBuf::new(&mut heard)))).await;
        assert!(early.is_pending());
        poll_fn(|cx| gathered.poll_written(cx, true)).await.unwrap();
        assert_eq!(server.read(&mut heard).await.unwrap(), 3);
        assert_eq!(&heard[..3], b"abc");
    }

    proptest! {
        #[test]
        fn all_that_is_said_arrives_in_its_order(
            lengths in proptest::collection::vec((0..3 * LARGE, any::<bool>()), 0..12),
            pipe in 1..2 * ROOM,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (client, mut server) = tokio::io::duplex(pipe);
                let mut said = Vec::new();
                let mut gathered = Gathered::new(client);
                let speak = async {
                    for (turn, (length, over)) in lengths.iter().enumerate() {
                        let bytes: Vec<u8> = (0..*length).map(|at| (at * 7 + turn) as u8).collect();
                        gathered.write_all(&bytes).await.unwrap();
                        said.extend(bytes);
                        if *over {
                            poll_fn(|cx| gathered.poll_written(cx, turn % 2 == 0)).await.unwrap();
                        }
                    }
                    gathered.shutdown().await.unwrap();
                };
                let mut heard = Vec::new();
                let (read, ()) = tokio::join!(server.read_to_end(&mut heard), speak);
                read.unwrap();
                prop_assert!(heard == said);
                Ok(())
            })?;
        }
    }
}
