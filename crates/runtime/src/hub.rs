//! The dialling side of the hub: one stream to the leader that is always being kept up.
//!
//! Owns dialling, the handshake, reconnection and the bounds of both directions. Decides nothing about what is said:
//! the program gives an [`Opening`] (its whole state, repeated on every new stream) and sends changes with
//! [`Link::send`]. Because every message is idempotent and the opening says everything, a message that meets no
//! stream is dropped, not queued.
//!
//! ```text
//! dial ─▶ Challenge ─▶ Hello ─▶ opening ─▶ Event::Connected ─▶ changes up, Event::Down down ─▶ Event::Disconnected ─┐
//!   ▲                                                                                                                │
//!   └────────────────────────────── back-off with jitter, from 20 ms ◀────────────────────────────────────────────────┘
//! ```

mod backoff;
mod codec;
mod dial;
mod stream;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use parking_lot::Mutex;
use proxy::net::Network;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Messages waiting to be written at most. When they are exceeded the stream is given up, since a hub that slow is no
/// better than none, and the next stream's opening repeats everything.
const OUTBOX_MAX: usize = 1024;
/// Events that the program has not taken yet at most; beyond it the stream is not read.
const EVENTS_MAX: usize = 1024;

/// Says who we are: gets the hub's nonce and the local address of the socket.
pub type Identify = Box<dyn Fn(&[u8; 32], SocketAddr) -> anyhow::Result<wire::Identity> + Send + Sync>;

/// Whom to dial and as whom.
pub struct LinkConfig {
    /// `host:port`; looked up anew for each attempt.
    pub address: String,
    /// Called once a stream.
    pub identity: Identify,
    /// Drawn once when the process starts ([`epoch`]).
    pub epoch: u64,
    /// Longest pause between two attempts: how long a new leader may have to wait for us.
    pub longest_pause: Duration,
}

/// A number that tells this life of the process from the one before.
pub fn epoch() -> u64 {
    rand::random()
}

/// What has to be said first on every new stream: full history and state.
pub trait Opening: Send + Sync {
    /// All of it, in order.
    fn messages(&self) -> Vec<wire::Up>;
}

/// What happens on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A stream is there and the opening has been written.
    Connected,
    /// The hub said something.
    Down(wire::Down),
    /// The stream ended; another one is being dialled.
    Disconnected,
}

/// The line to the hub. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Link {
    outbox: Outbox,
}

/// The sender of the stream that is up, if one is.
type Outbox = Arc<Mutex<Option<mpsc::Sender<wire::Up>>>>;

/// What the dialling task works with.
struct Line {
    config: LinkConfig,
    opening: Arc<dyn Opening>,
    outbox: Outbox,
    events: mpsc::Sender<Event>,
    shutdown: CancellationToken,
}

impl Link {
    /// The line, what happens on it, and what keeps it up: to be run by a task of the caller's, until `shutdown` is
    /// cancelled. What was sent before that is still written.
    ///
    /// A program that does not care for events drops the receiver.
    pub fn new(
        config: LinkConfig,
        opening: Arc<dyn Opening>,
        network: impl Network,
        shutdown: CancellationToken,
    ) -> (Self, mpsc::Receiver<Event>, impl Future<Output = ()> + Send) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let outbox = Outbox::default();
        let line = Line { config, opening, outbox: Arc::clone(&outbox), events, shutdown };
        (Self { outbox }, receiver, dial::keep_up(line, network))
    }

    /// Says it to the hub. Dropped when no stream is up: the opening of the next one repeats what still holds.
    pub fn send(&self, message: wire::Up) {
        let mut outbox = self.outbox.lock();
        if let Some(sender) = outbox.as_ref()
            && sender.try_send(message).is_err()
        {
            // Full or ended: dropping the sender ends the stream, so that the next opening repeats what was lost.
            *outbox = None;
        }
    }

    /// Whether a stream is up.
    pub fn connected(&self) -> bool {
        self.outbox.lock().is_some()
    }
}
