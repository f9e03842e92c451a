//! The life of one stream.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use wire::{Challenge, Frame, Hello, Identity, Up, VERSION};

use super::identity::{Rejection, is_own, verify};
use super::{Ears, STREAMS_MAX};
use crate::autoscaler::{Autoscaler, NewPod, Seat};
use crate::outcomes::Voice;

/// Longest wait for a whole Hello.
const HELLO_WAIT: Duration = Duration::from_secs(5);
/// A stream that says nothing for so long is dead: everyone reports each second.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Longest wait for a write.
const WRITE_WAIT: Duration = Duration::from_secs(5);
/// Most messages that wait to be written: all pods may have something to say at the same moment.
const QUEUE_MAX: usize = STREAMS_MAX;
/// Room that an idle stream keeps for reading.
const BUFFER_BYTES: usize = 4096;

/// Who sits on the stream, and whether its address is still to be confirmed.
struct Guest {
    seat: Seat,
    /// An activator's.
    voice: Option<Voice>,
    unconfirmed: Option<(String, SocketAddr)>,
    queue: mpsc::Receiver<Bytes>,
}

/// Serves one stream to its end. `door` is given up once the other side has proved itself.
pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    from: SocketAddr,
    ears: &Ears,
    close: CancellationToken,
    door: impl Send,
) {
    let autoscaler = &ears.autoscaler;
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES);
    let closed = close.clone();
    let introduced = closed.run_until_cancelled(introduce(&mut stream, &mut buffer, from, ears, close)).await;
    drop(door);
    let mut guest = match introduced {
        Some(Ok(guest)) => guest,
        Some(Err(rejection)) => {
            autoscaler.metrics().rejected(rejection.reason()).inc();
            info!(%from, %rejection, "stream rejected");
            return;
        }
        None => return,
    };
    let (mut reader, mut writer) = tokio::io::split(stream);
    let Guest { seat, voice, unconfirmed, queue } = &mut guest;
    let reason = tokio::select! {
        () = closed.cancelled() => return,
        reason = read(&mut reader, buffer, (seat, voice.as_ref()), unconfirmed, autoscaler) => reason,
        reason = write(&mut writer, queue) => reason,
    };
    autoscaler.metrics().closed(reason).inc();
    debug!(%from, reason, "stream closed");
}

async fn introduce<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    from: SocketAddr,
    Ears { autoscaler, outcomes }: &Ears,
    close: CancellationToken,
) -> Result<Guest, Rejection> {
    let nonce = rand::random();
    let hello = timeout(HELLO_WAIT, exchange(stream, buffer, nonce)).await.map_err(|_| Rejection::Slow)??;
    let verifier = autoscaler.verifier();
    verify(&hello, &nonce, verifier).await?;
    let (sender, queue) = mpsc::channel(QUEUE_MAX);
    Ok(match hello.identity {
        Identity::Activator { pod, .. } => {
            let voice = Some(outcomes.join(&pod, hello.epoch));
            let seat = autoscaler.join_activator(hello.epoch, pod, sender, close);
            Guest { seat, voice, unconfirmed: None, queue }
        }
        Identity::QueueProxy { revision_uid, pod, address, .. } => {
            let confirmed = is_own(address, from, &revision_uid, verifier);
            let unconfirmed = (!confirmed).then(|| (revision_uid.clone(), address));
            let pod = NewPod { revision_uid, pod, address, epoch: hello.epoch, confirmed };
            Guest { seat: autoscaler.join_pod(pod, sender, close), voice: None, unconfirmed, queue }
        }
    })
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    nonce: [u8; 32],
) -> Result<Hello, Rejection> {
    let mut challenge = BytesMut::new();
    Challenge { version: VERSION, nonce }.encode(&mut challenge)?;
    stream.write_all(&challenge).await.map_err(|_| Rejection::Gone)?;
    loop {
        if let Some(hello) = Hello::decode(buffer)? {
            return Ok(hello);
        }
        match stream.read_buf(buffer).await {
            Ok(0) | Err(_) => return Err(Rejection::Gone),
            Ok(_) => {}
        }
    }
}

/// Reads until the end; says why it ended.
async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    mut buffer: BytesMut,
    (seat, voice): (&Seat, Option<&Voice>),
    unconfirmed: &mut Option<(String, SocketAddr)>,
    autoscaler: &Autoscaler,
) -> &'static str {
    loop {
        loop {
            let message = match Up::decode(&mut buffer) {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    info!(%error, "a frame is malformed");
                    return "malformed";
                }
            };
            if let (Up::Outcomes { replay, outcomes }, Some(voice)) = (&message, voice) {
                voice.hear(*replay, outcomes);
            } else if seat.message(message).is_err() {
                return "violation";
            }
        }
        if unconfirmed.as_ref().is_some_and(|(uid, address)| autoscaler.verifier().confirms(uid, *address)) {
            *unconfirmed = None;
            seat.confirm();
        }
        if buffer.is_empty() && buffer.capacity() > 4 * BUFFER_BYTES {
            // A new stream's replay was large; what follows is not.
            buffer = BytesMut::with_capacity(BUFFER_BYTES);
        }
        buffer.reserve(BUFFER_BYTES / 4);
        match timeout(SILENCE_MAX, reader.read_buf(&mut buffer)).await {
            Err(_) => return "silent",
            Ok(Ok(0) | Err(_)) => return "ended",
            Ok(Ok(_)) => {}
        }
    }
}

/// Writes what is queued; says why it ended.
async fn write(writer: &mut (impl AsyncWrite + Unpin), queue: &mut mpsc::Receiver<Bytes>) -> &'static str {
    while let Some(frames) = queue.recv().await {
        match timeout(WRITE_WAIT, writer.write_all(&frames)).await {
            Err(_) => return "stuck",
            Ok(Err(_)) => return "ended",
            Ok(Ok(())) => {}
        }
    }
    "ended"
}
