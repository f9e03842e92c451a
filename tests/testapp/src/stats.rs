//! What the application remembers of its requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// Counters of one process.
#[derive(Debug)]
pub struct Stats {
    /// When the process began, in microseconds of Unix time.
    pub started: u64,
    /// When it listened, in microseconds of Unix time.
    pub listening: u64,
    in_flight: AtomicU32,
    highest: AtomicU32,
    count: AtomicU64,
}

/// A request in flight; it is over when this is dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Stats>);

impl Stats {
    /// No request so far.
    pub fn new(started: u64, listening: u64) -> Self {
        Self { started, listening, in_flight: AtomicU32::new(0), highest: AtomicU32::new(0), count: AtomicU64::new(0) }
    }

    /// Requests in flight now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Most requests that were ever in flight at the same time.
    pub fn highest(&self) -> u32 {
        self.highest.load(Relaxed)
    }

    /// Requests that began.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// A request begins.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.highest.fetch_max(now, Relaxed);
        self.count.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Microseconds of Unix time.
pub fn micros_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// A variable of the environment, empty when it is not there.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
