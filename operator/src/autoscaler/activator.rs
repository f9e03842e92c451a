//! What one activator told: requests held, per revision.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use wire::Bucket;

use super::core::PeerId;
use super::sender::Clock;

/// After this many seconds without a word of a revision what was counted of it is forgotten: more than a new stream
/// replays.
const KEPT_S: u64 = 120;

/// One activator.
#[derive(Debug)]
pub struct Activator {
    peer: Option<PeerId>,
    lost_at: Duration,
    reported: bool,
    clock: Clock,
    revisions: HashMap<Arc<str>, Told>,
}

/// What it told of one revision; seconds are its own.
#[derive(Debug, Default)]
struct Told {
    held: u32,
    /// When `held` was so.
    second: u64,
    /// The newest second that was counted.
    counted: Option<u64>,
}

impl Activator {
    /// A process that drew this epoch.
    pub fn new(epoch: u64) -> Self {
        Self {
            peer: None,
            lost_at: Duration::ZERO,
            reported: false,
            clock: Clock::new(epoch),
            revisions: HashMap::new(),
        }
    }

    /// A new stream of it; returns the one it replaces. Another epoch is another process.
    pub fn join(&mut self, peer: PeerId, epoch: u64) -> Option<PeerId> {
        let former = self.peer.take();
        if self.clock.epoch() != epoch {
            *self = Self::new(epoch);
        }
        self.reported = false;
        self.peer = Some(peer);
        former
    }

    /// Its stream broke: nobody knows what it holds now, and when it dials again it says so.
    pub fn lose(&mut self, now: Duration) {
        self.peer = None;
        self.lost_at = now;
        for told in self.revisions.values_mut() {
            told.held = 0;
        }
    }

    /// Its stream.
    pub fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// Whether it has reported since it joined, or is not there.
    pub fn has_reported(&self) -> bool {
        self.reported || self.peer.is_none()
    }

    /// Whether the stream has been gone for `time`.
    pub fn lost_for(&self, now: Duration, time: Duration) -> bool {
        self.peer.is_none() && now.saturating_sub(self.lost_at) >= time
    }

    /// A report of its `second` came in our second `now`.
    pub fn report(&mut self, second: u64, now: u64) {
        self.clock.report(second, now);
        self.reported = true;
    }

    /// One revision's part of the report; buckets that were not counted yet go to `count` with our second.
    pub fn load(&mut self, uid: &Arc<str>, held: u32, buckets: &[Bucket], mut count: impl FnMut(u64, f64)) {
        let told = self.revisions.entry(Arc::clone(uid)).or_default();
        told.held = held;
        told.second = self.clock.second();
        for bucket in buckets {
            if told.counted.is_none_or(|counted| bucket.second > counted)
                && let Some(second) = self.clock.ours(bucket.second)
            {
                told.counted = Some(bucket.second);
                count(second, f64::from(bucket.concurrency));
            }
        }
    }

    /// It holds this many of a revision right now.
    pub fn demand(&mut self, uid: &Arc<str>, held: u32) {
        let told = self.revisions.entry(Arc::clone(uid)).or_default();
        told.held = held;
        told.second = self.clock.second();
    }

    /// Requests of a revision that it holds. A report that leaves a revision out says that none are held.
    pub fn held(&self, uid: &str) -> u32 {
        self.revisions
            .get(uid)
            .filter(|told| told.second.saturating_add(1) >= self.clock.second())
            .map_or(0, |told| told.held)
    }

    /// A revision is gone.
    pub fn forget(&mut self, uid: &str) {
        self.revisions.remove(uid);
    }

    /// Forgets revisions it has long not spoken of.
    pub fn prune(&mut self) {
        let second = self.clock.second();
        self.revisions.retain(|_, told| told.second.saturating_add(KEPT_S) >= second);
        if self.revisions.len() < self.revisions.capacity() / 4 {
            self.revisions.shrink_to_fit();
        }
    }
}
