//! One-second measurements, and the last sixty of them.

use std::collections::VecDeque;

/// What one second held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Seconds on the sender's own monotonic count.
    pub second: u64,
    /// Average requests in flight over the second: the time integral, not a sample.
    pub concurrency: f32,
    /// Requests that began in the second.
    pub requests: u32,
}

/// The last [`History::SECONDS`] buckets of one revision.
#[derive(Debug, Clone, Default)]
pub struct History {
    buckets: VecDeque<Bucket>,
}

impl History {
    /// How far back a new stream is told.
    pub const SECONDS: usize = 60;

    /// Adds the newest bucket and forgets what is too old.
    pub fn push(&mut self, bucket: Bucket) {
        if self.buckets.len() == Self::SECONDS {
            self.buckets.pop_front();
        }
        self.buckets.push_back(bucket);
    }

    /// All that is kept, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.buckets.iter().copied()
    }
}
