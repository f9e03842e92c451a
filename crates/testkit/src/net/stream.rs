//! One end of a stream, as `AsyncRead` and `AsyncWrite`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::pipe::Pulled;
use super::state::{End, SILENCE_MAX, State};

/// One end of a stream. Dropped: the other end reads what was sent, then the end; if something was left unread here, it
/// is reset, as TCP does.
pub struct Stream {
    state: Arc<Mutex<State>>,
    end: End,
    /// Wakes the reader and the writer when something arrives or the patience ends.
    timers: [Pin<Box<Sleep>>; 2],
}

const READ: usize = 0;
const WRITE: usize = 1;

impl Stream {
    pub(super) fn new(state: Arc<Mutex<State>>, end: End) -> Self {
        let timer = || Box::pin(sleep_until(Instant::now()));
        Self { state, end, timers: [timer(), timer()] }
    }

    /// This end.
    pub fn local(&self) -> SocketAddr {
        self.end.local
    }

    /// The other end.
    pub fn peer(&self) -> SocketAddr {
        self.end.peer
    }

    /// Ends it at once, for both ends.
    pub fn reset(&self) {
        self.state.lock().reset(self.end);
    }

    /// Whether it is over, and since when the other end is silent.
    fn check(&self, state: &mut State, now: Instant) -> io::Result<Option<Instant>> {
        let silent = state.silent_since(self.end.local.ip(), self.end.peer.ip());
        let Some(conn) = state.conn(self.end) else { return Err(io::ErrorKind::NotConnected.into()) };
        if silent.is_some_and(|since| now >= since + SILENCE_MAX) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // A reset has to get through too.
        if conn.reset && silent.is_none() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(silent)
    }

    /// Is polled again at a moment. False: that moment is now.
    fn set_timer(&mut self, which: usize, moment: Instant, context: &mut Context<'_>) -> bool {
        self.timers[which].as_mut().reset(moment);
        self.timers[which].as_mut().poll(context).is_pending()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let now = Instant::now();
            let state = self.state.clone();
            let mut state = state.lock();
            let silent = self.check(&mut state, now)?;
            let Some(conn) = state.conn(self.end) else { return Poll::Ready(Ok(())) };
            let pipe = &mut conn.pipes[1 - self.end.side];
            let pulled = match silent {
                Some(since) => Pulled::Later(since + SILENCE_MAX),
                None => pipe.pull(buffer.remaining(), now),
            };
            match pulled {
                Pulled::Bytes(bytes) => {
                    buffer.put_slice(&bytes);
                    if let Some(writer) = pipe.writer.take() {
                        writer.wake();
                    }
                    return Poll::Ready(Ok(()));
                }
                Pulled::End => return Poll::Ready(Ok(())),
                Pulled::Nothing => {
                    pipe.reader = Some(context.waker().clone());
                    return Poll::Pending;
                }
                Pulled::Later(moment) => {
                    pipe.reader = Some(context.waker().clone());
                    drop(state);
                    if self.set_timer(READ, moment, context) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let now = Instant::now();
            let state = self.state.clone();
            let mut state = state.lock();
            let silent = self.check(&mut state, now)?;
            let way = state.way();
            let Some(conn) = state.conn(self.end) else { return Poll::Ready(Ok(0)) };
            let gone = conn.gone;
            let pipe = &mut conn.pipes[self.end.side];
            if gone {
                // Told once; what they sent before can still be read.
                conn.reset = !conn.pipes[1 - self.end.side].is_unread();
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if pipe.is_finished() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let taken = pipe.push(bytes, now, way);
            if taken > 0 || bytes.is_empty() {
                if let Some(reader) = pipe.reader.take() {
                    reader.wake();
                }
                return Poll::Ready(Ok(taken));
            }
            pipe.writer = Some(context.waker().clone());
            let Some(since) = silent else { return Poll::Pending };
            drop(state);
            if self.set_timer(WRITE, since + SILENCE_MAX, context) {
                return Poll::Pending;
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let now = Instant::now();
        let mut state = self.state.lock();
        self.check(&mut state, now)?;
        let way = state.way();
        if let Some(conn) = state.conn(self.end) {
            conn.pipes[self.end.side].finish(now, way);
            conn.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        let way = state.way();
        if let Some(conn) = state.conn(self.end) {
            let (ours, theirs) = (self.end.side, 1 - self.end.side);
            if conn.pipes[theirs].is_unread() {
                conn.reset = true;
            }
            conn.pipes[ours].finish(Instant::now(), way);
            // Nobody reads what they send from now on.
            conn.gone = true;
            conn.wake();
        }
        state.release(self.end);
    }
}
