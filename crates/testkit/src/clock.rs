//! Wall time that follows tokio's clock: with that one paused, both are virtual.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z, in seconds since 1970: when a simulation begins unless told otherwise.
const EPOCH_SECONDS: i64 = 1_767_225_600;

/// A wall clock that was set once and runs with tokio's.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    epoch: Timestamp,
}

impl Clock {
    /// Shows the beginning of 2026 now. Must be called within a tokio runtime.
    pub fn start() -> Self {
        Self::start_at(Timestamp::from_second(EPOCH_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Shows `epoch` now.
    pub fn start_at(epoch: Timestamp) -> Self {
        Self { began: Instant::now(), epoch }
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        self.epoch + self.elapsed()
    }

    /// Since it was set.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What it shows, as Kubernetes writes a `Time`: whole seconds.
    pub fn time(&self) -> String {
        let now = self.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_follows_paused_time() {
        let clock = Clock::start();
        tokio::time::sleep(Duration::from_millis(3_600_500)).await;
        assert_eq!(clock.now().to_string(), "2026-01-01T01:00:00.5Z");
        assert_eq!(clock.time(), "2026-01-01T01:00:00Z");
    }
}
