//! HTTP/1.1 or HTTP/2, whichever a client begins with (RFC 9113, 3.3).
//!
//! hyper-util's `auto` does the same, but hands hyper the bytes that tell the version in a read of their own. hyper doubles
//! its buffer when a head comes in two reads, and a connection would keep 16 KiB instead of 8 KiB.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::{Request, Response};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead as _, ReadBuf};

use super::{
    CONNECTION_WINDOW, Limits, PING_EVERY, SEND_BUFFER, STREAM_WINDOW,
    streams::{Begun, Version2},
    strict::Strict,
};
use crate::{Body, net::Io};

/// RFC 9113, 3.4.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What answers the requests of one connection.
pub(super) trait Answer:
    Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
{
}
impl<S> Answer for S where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
{
}

/// How each version is spoken.
pub(super) struct Versions {
    http1: http1::Builder,
    head_bytes: usize,
    h2_streams: u32,
}

impl Versions {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(limits.head_bytes)
            .max_headers(limits.headers);
        Self { http1, head_bytes: limits.head_bytes, h2_streams: limits.h2_streams }
    }

    pub(super) fn http2(&self, begun: Begun) -> http2::Builder<Begun> {
        let mut http2 = http2::Builder::new(begun);
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(self.head_bytes as u32)
            .max_concurrent_streams(self.h2_streams)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(PING_EVERY);
        http2
    }
}

/// One connection's HTTP. HTTP/2's state is the larger one and serves many requests, so it alone is boxed.
#[expect(clippy::large_enum_variant, reason = "the large one is what nearly every connection becomes")]
pub(super) enum Http<'a, I: Io, S: Answer> {
    Unknown(Opening<'a, I, S>),
    Version1(http1::UpgradeableConnection<TokioIo<Strict<I>>, S>),
    Version2(Box<Version2<I, S>>),
    Over,
}

impl<'a, I: Io, S: Answer> Http<'a, I, S> {
    pub(super) const fn new(versions: &'a Versions, io: Strict<I>, service: S) -> Self {
        Self::Unknown(Opening { versions, io, service, bytes: [0; PREFACE.len()], read: 0 })
    }

    /// Serves until the connection is over. An error is the client's: it left, sent no HTTP, or took too long; there is
    /// nobody to tell.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Unknown(opening) = self {
            let is_http2 = ready!(opening.poll_is_http2(cx));
            if let (Ok(is_http2), Self::Unknown(opening)) = (is_http2, std::mem::replace(self, Self::Over)) {
                *self = opening.open(is_http2);
            }
        }
        match self {
            Self::Version1(http) => Pin::new(http).poll(cx).map(drop),
            Self::Version2(http) => http.poll(cx),
            Self::Unknown(_) | Self::Over => Poll::Ready(()),
        }
    }

    /// Ends when the requests that have come are answered; at once if there is none.
    pub(super) fn graceful_shutdown(&mut self) {
        match self {
            Self::Unknown(_) => *self = Self::Over,
            Self::Version1(http) => Pin::new(http).graceful_shutdown(),
            Self::Version2(http) => http.graceful_shutdown(),
            Self::Over => {}
        }
    }
}

/// A connection whose client has not yet said enough.
pub(super) struct Opening<'a, I, S> {
    versions: &'a Versions,
    io: Strict<I>,
    service: S,
    bytes: [u8; PREFACE.len()],
    read: usize,
}

impl<'a, I: Io, S: Answer> Opening<'a, I, S> {
    /// Reads no more than HTTP/2's preface.
    fn poll_is_http2(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.read < PREFACE.len() {
            let mut buffer = ReadBuf::new(&mut self.bytes);
            buffer.set_filled(self.read);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            let read = buffer.filled().len();
            if read == self.read || !PREFACE.starts_with(buffer.filled()) {
                self.read = read;
                return Poll::Ready(Ok(false));
            }
            self.read = read;
        }
        Poll::Ready(Ok(true))
    }

    fn open(mut self, is_http2: bool) -> Http<'a, I, S> {
        self.io.give_back(&self.bytes[..self.read]);
        if is_http2 {
            Http::Version2(Box::new(Version2::new(self.versions, self.io, self.service)))
        } else {
            let http1 = self.versions.http1.serve_connection(TokioIo::new(self.io), self.service);
            Http::Version1(http1.with_upgrades())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper::service::service_fn;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn the_version_is_known_however_its_bytes_come_and_none_is_lost() {
        let after = b"and more of it";
        let preface = [&PREFACE[..], after].concat();
        let versions = Versions::new(&Limits::default());
        for (sent, is_http2) in [
            (&preface[..], true),
            (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", false),
            (b"PRIVATE / HTTP/1.1\r\n\r\n", false),
            (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            (b"PRI", false),
            (b"", false),
        ] {
            for cut in 0..=sent.len() {
                // tokio lets a task read only so often in a row.
                tokio::task::yield_now().await;
                let (mut client, server) = tokio::io::duplex(1 << 10);
                let answer = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
                let Http::Unknown(mut opening) = Http::new(&versions, Strict::new(server), answer) else {
                    unreachable!("nothing was read")
                };
                client.write_all(&sent[..cut]).await.unwrap();
                let early = poll_fn(|cx| Poll::Ready(opening.poll_is_http2(cx))).await;
                client.write_all(&sent[cut..]).await.unwrap();
                drop(client);
                let known = match early {
                    Poll::Ready(known) => known,
                    Poll::Pending => poll_fn(|cx| opening.poll_is_http2(cx)).await,
                };
                assert_eq!(known.unwrap(), is_http2, "{cut} bytes of {sent:?}");
                opening.io.give_back(&opening.bytes[..opening.read]);
                // hyper's buffer has room for all that came: it gets it in one read.
                let mut first = [0; 64];
                let read = opening.io.read(&mut first).await.unwrap();
                assert_eq!(&first[..read], sent, "{cut} bytes");
                assert_eq!(opening.io.read(&mut first).await.unwrap(), 0);
            }
        }
    }
}
