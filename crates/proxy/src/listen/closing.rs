//! Tells every connection of a listener that the end is near, at the price of one atomic load a poll.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::{Notify, futures::Notified};

/// How far the shutdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Business as usual.
    Open,
    /// End when your requests have ended.
    Closing,
    /// End now.
    Cut,
}

#[derive(Debug, Default)]
pub(super) struct Closing {
    phase: AtomicU8,
    change: Notify,
}

impl Closing {
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Open,
            1 => Phase::Closing,
            _ => Phase::Cut,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
        self.change.notify_waiters();
    }

    /// Ends at the next change after this call, even if it is polled later.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.change.notified()
    }

    /// Ends when everything is to be cut.
    pub(super) async fn cut(&self) {
        loop {
            let changed = self.changed();
            if self.phase() == Phase::Cut {
                return;
            }
            changed.await;
        }
    }
}
