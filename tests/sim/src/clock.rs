//! Wall clocks of the processes: the world's time of day, and steps that only they see.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;

/// The time of day as a machine believes it to be. Clones are the same one.
#[derive(Clone)]
pub struct WallClock {
    truth: testkit::Clock,
    off_ms: Arc<AtomicI64>,
}

impl WallClock {
    /// A right one.
    pub fn new(truth: testkit::Clock) -> Self {
        Self { truth, off_ms: Arc::default() }
    }

    /// Jumps, forwards or back.
    pub fn step(&self, by: SignedDuration) {
        self.off_ms.fetch_add(by.as_millis() as i64, Ordering::Relaxed);
    }

    /// What it shows.
    pub fn now(&self) -> jiff::Timestamp {
        self.truth.now() + SignedDuration::from_millis(self.off_ms.load(Ordering::Relaxed))
    }

    /// As the operator takes it.
    pub fn of_operator(&self) -> operator::clock::Clock {
        let clock = self.clone();
        operator::clock::Clock::new(move || clock.now())
    }
}
