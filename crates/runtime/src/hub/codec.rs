//! Frames over a byte stream.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use wire::Frame;

use super::stream::StreamError;

/// Reads frames; its buffer is bounded by [`Frame::BYTES_MAX`], which the decoder enforces.
pub(super) struct FrameReader<R> {
    source: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: BytesMut::new() }
    }

    /// The next frame, or `None` at an end between two frames.
    pub(super) async fn next<F: Frame>(&mut self) -> Result<Option<F>, StreamError> {
        loop {
            if let Some(frame) = F::decode(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            if self.source.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
                };
            }
        }
    }
}

/// Collects frames and writes them at once.
pub(super) struct FrameWriter<W> {
    sink: W,
    buffer: BytesMut,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(super) fn new(sink: W) -> Self {
        Self { sink, buffer: BytesMut::new() }
    }

    /// Adds a message to the next flush. One that breaks a bound is left out: the stream would not get better by it.
    pub(super) fn put(&mut self, message: &impl Frame) {
        if let Err(cause) = message.encode(&mut self.buffer) {
            tracing::error!(%cause, "message to the hub left out");
        }
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.sink.write_all_buf(&mut self.buffer).await?;
        self.sink.flush().await
    }
}
