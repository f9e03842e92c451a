//! Everything the leader knows of load and pods, and what follows from it. No socket, no clock, no task.
//!
//! Each call takes the time and leaves its consequences in [`Core::take_effects`]; whoever drives it carries them out
//! in order.
//!
//! ```text
//! activators ─ demand, held ─▶ ┌──────┐ ─ scale ───────────────▶ writer
//! queue-proxies ─ load, ready ▶│ Core │ ─ endpoints, desired ──▶ activators
//! cluster ─ revisions, scale ─▶└──────┘
//! ```

mod judging;
mod listing;
mod streams;
mod usage;
mod writes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use scaling::Reason;
use wire::{Down, Frame};

use super::activator::Activator;
use super::calendar::Calendar;
use super::revision::Revision;
use super::share;
use super::specs::Specs;
use super::wakes::Wakes;

pub use self::writes::Write;

/// One stream.
pub type PeerId = u64;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write these frames to the stream.
    Tell {
        /// The stream.
        peer: PeerId,
        /// Whole frames.
        frames: Bytes,
    },
    /// End the stream: its sender has another one.
    Close {
        /// The stream.
        peer: PeerId,
    },
    /// Begin to write the scale of a revision: take it with [`Core::next_write`] until that has none.
    Write {
        /// UID of the revision.
        uid: Arc<str>,
    },
    /// Delete a pod that has served its time; its ReplicaSet makes another one.
    Replace {
        /// UID of the revision.
        uid: Arc<str>,
        /// Name of the pod.
        pod: String,
    },
}

/// A sender said what it may not say. Its stream is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message that this kind of sender may not send")]
pub struct Violation;

/// Whose stream it is.
#[derive(Debug)]
enum Peer {
    Activator(String),
    Pod { uid: Arc<str>, pod: String },
}

/// The leader's knowledge.
#[derive(Debug)]
pub struct Core {
    began: Duration,
    specs: Specs,
    pub(super) revisions: HashMap<Arc<str>, Box<Revision>>,
    pub(super) activators: HashMap<String, Activator>,
    peers: HashMap<PeerId, Peer>,
    last_peer: PeerId,
    effects: Vec<Effect>,
    decided: Vec<Reason>,
    ignored: u64,
    pub(super) wakes: Wakes,
    pub(super) calendar: Calendar,
}

impl Core {
    /// Begins to lead at `now`.
    pub fn new(now: Duration) -> Self {
        Self {
            began: now,
            specs: Specs::default(),
            revisions: HashMap::new(),
            activators: HashMap::new(),
            peers: HashMap::new(),
            last_peer: 0,
            effects: Vec::new(),
            decided: Vec::new(),
            ignored: 0,
            wakes: Wakes::default(),
            calendar: Calendar::default(),
        }
    }

    /// What is to be done since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The reasons of the decisions since the last call.
    pub fn take_decided(&mut self) -> Vec<Reason> {
        std::mem::take(&mut self.decided)
    }

    /// How many loads since the last call were of revisions that nobody listed.
    pub fn take_ignored(&mut self) -> u64 {
        std::mem::take(&mut self.ignored)
    }

    fn desired(&self, uid: &str, replicas: u32) -> Down {
        let activators = self.activators.values().filter(|activator| activator.peer().is_some()).count() as u32;
        let places = self.revisions.get(uid).map_or(0, |revision| share::places(revision.memory.spec()));
        Down::Desired { revision_uid: uid.to_owned(), replicas, activators, places }
    }

    fn broadcast(&mut self, message: &Down) {
        let mut frames = BytesMut::new();
        encode(message, &mut frames);
        let frames = frames.freeze();
        let streams = self.activators.values().filter_map(Activator::peer);
        self.effects.extend(streams.map(|peer| Effect::Tell { peer, frames: frames.clone() }));
    }
}

/// Texts in our own messages are UIDs that came over the wire or from the API server, so they are within the bounds.
fn encode(message: &Down, frames: &mut BytesMut) {
    if let Err(error) = message.encode(frames) {
        tracing::error!(%error, "a message for activators cannot be encoded");
    }
}
