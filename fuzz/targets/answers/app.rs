//! An app that says the bytes of an input, whatever it is asked.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use proxy::net::Dial;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is said to all requests but the first one.
pub const CANONICAL: &[u8] = b"HTTP/1.1 200 OK\r\ncanonical: yes\r\ncontent-length: 9\r\n\r\ncanonical";

/// What comes after the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Close,
    /// Others' requests are answered on the same connection.
    Stay,
    Reset,
}

/// The first connection says the bytes.
#[derive(Clone)]
pub struct App {
    said: Arc<[u8]>,
    step: usize,
    ending: Ending,
    begun: Arc<AtomicBool>,
}

impl App {
    pub fn new(said: &[u8], step: usize, ending: Ending) -> Self {
        // Of more pieces than that nothing else is learnt.
        let step = step.max(said.len() / 32);
        Self { said: said.into(), step, ending, begun: Arc::default() }
    }
}

impl Dial for App {
    type Io = Script;

    async fn dial(&self, _: SocketAddr) -> io::Result<Script> {
        let first = !self.begun.swap(true, Ordering::Relaxed);
        let words = if first { Arc::clone(&self.said) } else { Arc::default() };
        let ending = if first { self.ending } else { Ending::Stay };
        let (step, answered) = (self.step, usize::from(first));
        Ok(Script { words, at: 0, step, ending, heads: 0, answered, last: [0; 4], pause: false, reader: None })
    }
}

pub struct Script {
    words: Arc<[u8]>,
    at: usize,
    step: usize,
    ending: Ending,
    /// Heads of requests that came.
    heads: usize,
    answered: usize,
    last: [u8; 4],
    /// After each piece: it is read alone.
    pause: bool,
    reader: Option<Waker>,
}

impl AsyncRead for Script {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.pause = !this.pause;
        if this.heads > 0 && !this.pause {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.heads > 0 && this.at < this.words.len() {
            let piece = &this.words[this.at..];
            let piece = &piece[..piece.len().min(this.step).min(buffer.remaining())];
            buffer.put_slice(piece);
            this.at += piece.len();
            return Poll::Ready(Ok(()));
        }
        match this.ending {
            Ending::Close if this.heads > 0 => Poll::Ready(Ok(())),
            Ending::Reset if this.heads > 0 => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Ending::Stay if this.heads > this.answered => {
                this.answered += 1;
                buffer.put_slice(CANONICAL);
                Poll::Ready(Ok(()))
            }
            _ => {
                this.pause = false;
                this.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        for byte in bytes {
            this.last.rotate_left(1);
            this.last[3] = *byte;
            this.heads += usize::from(this.last == *b"\r\n\r\n");
        }
        if let Some(reader) = this.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
