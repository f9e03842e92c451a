//! Streams that a client takes back as soon as it has opened them (CVE-2023-44487). h2 bounds those that nobody has taken
//! up yet; one that was taken up costs an app its work, and us a connection to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::connection::Live;

/// Envoy's rule and figures: a connection is given up once more than half of its streams, and of at least so many, were
/// reset within this time. An edge proxy has many clients that leave on one connection, but hardly so quickly.
const STREAMS_MIN: u32 = 500;
const PREMATURE: Duration = Duration::from_secs(1);

/// What a connection's streams came to.
#[derive(Debug, Default)]
pub(super) struct Resets {
    streams: AtomicU32,
    premature: AtomicU32,
}

impl Resets {
    pub(super) fn too_many(&self) -> bool {
        let streams = self.streams.load(Ordering::Relaxed);
        streams >= STREAMS_MIN && self.premature.load(Ordering::Relaxed) > streams / 2
    }
}

/// A stream without an answer. Dropped like that, it was reset.
pub(super) struct Unanswered {
    live: Option<Arc<Live>>,
    begun: Instant,
}

impl Unanswered {
    pub(super) fn begin(live: &Arc<Live>) -> Self {
        live.resets.streams.fetch_add(1, Ordering::Relaxed);
        Self { live: Some(Arc::clone(live)), begun: Instant::now() }
    }

    pub(super) fn answered(mut self) {
        self.live = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(live) = &self.live
            && self.begun.elapsed() < PREMATURE
        {
            live.resets.premature.fetch_add(1, Ordering::Relaxed);
        }
    }
}
