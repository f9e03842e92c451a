//! One stream from its first byte to its last. Generic over the transport, so that tests use a pipe.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::timeout,
};
use wire::{Challenge, Down, Hello, Up, VERSION};

use super::{
    Event, Line, OUTBOX_MAX,
    codec::{FrameReader, FrameWriter},
};

/// How long the hub may take to send its challenge.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one write may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Messages that go out in one write at most.
const BATCH_MAX: usize = 64;

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error("the hub took longer than {HANDSHAKE_TIMEOUT:?} to greet")]
    NoChallenge,
    #[error("the hub took longer than {WRITE_TIMEOUT:?} to take a message")]
    Stuck,
    #[error("the hub takes messages too slowly: more than {OUTBOX_MAX} waited")]
    Behind,
    #[error("own identity: {0}")]
    Identity(anyhow::Error),
    #[error("frame: {0}")]
    Wire(#[from] wire::WireError),
    #[error("stream: {0}")]
    Io(#[from] io::Error),
}

/// Handshake, opening, then both directions until one ends. Tells the events `Connected` and `Disconnected` in pairs.
pub(super) async fn converse<S>(stream: S, local: SocketAddr, line: &Line) -> Result<(), StreamError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (reader, writer) = tokio::io::split(stream);
    let mut reader = FrameReader::new(reader);
    let mut writer = FrameWriter::new(writer);

    let hello = greet(&mut reader, local, line).await?;
    writer.put(&hello);
    // The outbox is there before the opening is asked for: a change in between is said twice, never lost.
    let (sender, changes) = mpsc::channel(OUTBOX_MAX);
    *line.outbox.lock() = Some(sender);
    let ended = connected(&mut reader, &mut writer, changes, line).await;
    *line.outbox.lock() = None;
    ended
}

async fn greet<R>(reader: &mut FrameReader<R>, local: SocketAddr, line: &Line) -> Result<Hello, StreamError>
where
    R: AsyncRead + Unpin,
{
    let challenge: Challenge = timeout(HANDSHAKE_TIMEOUT, reader.next())
        .await
        .map_err(|_| StreamError::NoChallenge)??
        .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let identity = (line.config.identity)(&challenge.nonce, local).map_err(StreamError::Identity)?;
    Ok(Hello { version: VERSION, epoch: line.config.epoch, identity })
}

async fn connected<R, W>(
    reader: &mut FrameReader<R>,
    writer: &mut FrameWriter<W>,
    changes: mpsc::Receiver<Up>,
    line: &Line,
) -> Result<(), StreamError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    for message in line.opening.messages() {
        writer.put(&message);
    }
    flush(writer).await?;
    // A receiver that is gone means that the program does not care for events; so it is everywhere here.
    let _ = line.events.send(Event::Connected).await;
    let ended = tokio::select! {
        ended = listen(reader, &line.events) => ended,
        ended = speak(writer, changes, line) => ended,
    };
    let _ = line.events.send(Event::Disconnected).await;
    ended
}

async fn listen<R>(reader: &mut FrameReader<R>, events: &mpsc::Sender<Event>) -> Result<(), StreamError>
where
    R: AsyncRead + Unpin,
{
    while let Some(message) = reader.next::<Down>().await? {
        let _ = events.send(Event::Down(message)).await;
    }
    Ok(())
}

async fn speak<W>(writer: &mut FrameWriter<W>, mut changes: mpsc::Receiver<Up>, line: &Line) -> Result<(), StreamError>
where
    W: AsyncWrite + Unpin,
{
    loop {
        let next = tokio::select! {
            biased;
            next = changes.recv() => next,
            // Biased: what was sent before the end is written first.
            () = line.shutdown.cancelled() => return Ok(()),
        };
        let Some(message) = next else {
            return Err(StreamError::Behind);
        };
        writer.put(&message);
        for _ in 1..BATCH_MAX {
            let Ok(message) = changes.try_recv() else {
                break;
            };
            writer.put(&message);
        }
        flush(writer).await?;
    }
}

async fn flush<W>(writer: &mut FrameWriter<W>) -> Result<(), StreamError>
where
    W: AsyncWrite + Unpin,
{
    timeout(WRITE_TIMEOUT, writer.flush()).await.map_err(|_| StreamError::Stuck)?.map_err(StreamError::Io)
}

#[cfg(test)]
mod tests;
