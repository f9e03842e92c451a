//! The last wakes, for `/debug/state`: of the request that woke a revision, when it came, left for a pod and was answered.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

/// So many are kept.
const KEPT: usize = 64;

/// The time of day.
pub type Now = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The newest, oldest first.
pub(crate) struct Wakes {
    kept: Mutex<VecDeque<Value>>,
    now: Now,
}

impl Wakes {
    pub(crate) fn new(now: Now) -> Self {
        Self { kept: Mutex::default(), now }
    }

    /// The request that woke a revision, named by namespace, app and name, has the head of its answer now. Times are Unix time in milliseconds, so that
    /// they can be held against those of other processes.
    pub(crate) fn note(&self, [namespace, app, revision]: [&str; 3], arrived: Instant, released: Instant, status: u16) {
        let clock = (self.now)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let unix_ms = |at: Instant| clock.saturating_sub(at.elapsed()).as_secs_f64() * 1000.0;
        let wake = json!({
            "namespace": namespace,
            "app": app,
            "revision": revision,
            "arrivedMs": unix_ms(arrived),
            "releasedMs": unix_ms(released),
            "answeredMs": clock.as_secs_f64() * 1000.0,
            "status": status,
        });
        let mut kept = self.kept.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(wake);
    }

    /// All that are kept, oldest first.
    pub(crate) fn describe(&self) -> Vec<Value> {
        self.kept.lock().iter().cloned().collect()
    }
}
