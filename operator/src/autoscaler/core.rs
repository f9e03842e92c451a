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

mod streams;
mod usage;
mod writes;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use scaling::Reason;
use wire::{Down, Endpoint, Frame};

use super::RevisionEntry;
use super::activator::Activator;
use super::calendar::Calendar;
use super::revision::{LOST_KEPT, Revision, VOUCH_GRACE, When};
use super::share;
use super::specs::Specs;
use super::wakes::Wakes;

pub use self::writes::Write;

/// How long a new leader waits at least before it scales in.
const SETTLE: Duration = Duration::from_secs(5);

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

    /// A revision exists, or changed.
    pub fn upsert(&mut self, now: Duration, mut entry: RevisionEntry) {
        let uid: Arc<str> = entry.uid.as_str().into();
        let schedules = std::mem::take(&mut entry.schedules);
        let spec = self.specs.share(entry.spec);
        let new = || Box::new(Revision::new(Arc::clone(&uid), Arc::clone(&spec)));
        let revision = self.revisions.entry(Arc::clone(&uid)).or_insert_with(new);
        let before = share::places(revision.memory.spec());
        if let Some(min) = self.calendar.set(&uid, schedules) {
            revision.scheduled = min;
        }
        revision.list(now, entry, spec);
        let (places, replicas) = (share::places(revision.memory.spec()), revision.desired);
        // Of a sleeping revision they are told when it wakes.
        if places != before && replicas > 0 {
            self.broadcast(&self.desired(&uid, replicas));
        }
    }

    /// A revision is gone.
    pub fn remove(&mut self, uid: &str) {
        if let Some(revision) = self.revisions.get_mut(uid) {
            revision.listed = None;
            revision.desired = 0;
            revision.scheduled = 0;
            if revision.is_forgotten() {
                self.revisions.remove(uid);
            }
        }
        self.calendar.forget(uid);
        for activator in self.activators.values_mut() {
            activator.forget(uid);
        }
    }

    /// Revisions for which `keep` says no are gone; those of which only pods were heard are not in question.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let listed = self.revisions.iter().filter(|(_, revision)| revision.listed.is_some());
        let gone: Vec<Arc<str>> = listed.map(|(uid, _)| Arc::clone(uid)).filter(|uid| !keep(uid)).collect();
        for uid in gone {
            self.remove(&uid);
        }
    }

    /// A revision's Deployment was observed.
    pub fn set_replicas(&mut self, now: Duration, uid: &str, replicas: u32, ready: u32) {
        let Some(revision) = self.revisions.get_mut(uid) else { return };
        let before = revision.desired;
        let first = revision.observe_scale(replicas, ready);
        if revision.desired != before {
            let replicas = revision.desired;
            self.broadcast(&self.desired(uid, replicas));
        }
        let held = self.held(uid);
        if first || held > 0 {
            self.judge(now, uid, held, When::Demand);
        }
    }

    /// A wake by hand: one request, in the window for as long as any, held by nobody. The pods wanted then; none for a
    /// revision without a Deployment.
    pub fn wake(&mut self, now: Duration, uid: &str) -> Option<u32> {
        let held = self.held(uid).saturating_add(1);
        let revision = self.revisions.get_mut(uid)?;
        revision.listed.as_ref()?.scale.as_ref()?;
        revision.memory.observe_wake(now.as_secs());
        self.judge(now, uid, held, When::Demand);
        self.revisions.get(uid).map(|revision| revision.desired)
    }

    /// One tick: forgets who is gone and judges every revision. `clock` is the time of day at `now`, `listed` says
    /// whether an `EndpointSlice` of the revision has the address.
    pub fn tick(&mut self, now: Duration, clock: Timestamp, listed: &dyn Fn(&str, SocketAddr) -> bool) {
        self.forget_lost(now, listed);
        for (uid, min) in self.calendar.turn(clock) {
            if let Some(revision) = self.revisions.get_mut(&uid) {
                revision.scheduled = min;
            }
        }
        let settled = self.is_settled(now);
        let uids: Vec<Arc<str>> = self.revisions.keys().cloned().collect();
        for uid in uids {
            let held = self.held(&uid);
            self.judge(now, &uid, held, When::Tick { settled });
        }
    }

    /// Whether enough is known to scale in.
    pub fn is_settled(&self, now: Duration) -> bool {
        now.saturating_sub(self.began) >= SETTLE
            && self.activators.values().all(Activator::has_reported)
            && self
                .revisions
                .values()
                .flat_map(|revision| &revision.pods)
                .all(|pod| pod.peer.is_none() || pod.heard.is_some())
    }

    /// Requests of a revision that activators hold.
    pub fn held(&self, uid: &str) -> u32 {
        self.activators.values().fold(0, |sum, activator| sum.saturating_add(activator.held(uid)))
    }

    /// A stream that broke says little about its pod: activators are told only if the cluster does not list it either.
    fn forget_lost(&mut self, now: Duration, listed: &dyn Fn(&str, SocketAddr) -> bool) {
        let mut gone = Vec::new();
        for revision in self.revisions.values_mut() {
            for pod in &mut revision.pods {
                if pod.vouched && pod.lost_for(now, VOUCH_GRACE) {
                    pod.vouched = false;
                    if !listed(&revision.uid, pod.address) {
                        gone.push(Endpoint { revision_uid: revision.uid.to_string(), address: pod.address });
                    }
                }
            }
            revision.pods.retain(|pod| !pod.lost_for(now, LOST_KEPT));
            if revision.pods.is_empty() {
                revision.pods.shrink_to_fit();
            }
        }
        self.revisions.retain(|_, revision| !revision.is_forgotten());
        self.activators.retain(|_, activator| !activator.lost_for(now, LOST_KEPT));
        for activator in self.activators.values_mut() {
            activator.prune();
        }
        for endpoint in gone {
            self.broadcast(&Down::EndpointDown(endpoint));
        }
    }

    /// Judges a revision between ticks, if activators hold requests for it.
    fn judge_demand(&mut self, now: Duration, uid: &str) {
        let held = self.held(uid);
        if held > 0 {
            self.judge(now, uid, held, When::Demand);
        }
    }

    fn judge(&mut self, now: Duration, uid: &str, held: u32, when: When) {
        let Some(revision) = self.revisions.get_mut(uid) else { return };
        if let Some(decision) = revision.judge(now, held, when) {
            self.decided.push(decision.reason);
            if revision.desired > 0 || decision.desired > 0 {
                let deadline = revision.memory.spec().progress_deadline;
                self.calendar.follow(&revision.uid, &decision.record, deadline);
            }
            let changed = revision.desired != decision.desired;
            if held > 0
                && when == When::Demand
                && revision.desired == 0
                && let Some(listed) = &revision.listed
            {
                let (namespace, name) = listed.names();
                self.wakes.begin(now, Arc::clone(&revision.uid), namespace.to_owned(), name.to_owned());
            }
            revision.desired = decision.desired;
            if revision.begin_write(now) {
                self.effects.push(Effect::Write { uid: Arc::clone(&revision.uid) });
            }
            if changed {
                self.broadcast(&self.desired(uid, decision.desired));
            }
        }
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
