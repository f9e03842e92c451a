//! The end of a pod: say so, serve what is here and what still comes, stop when it is quiet.
//!
//! ```text
//! SIGTERM ─▶ leaving: Draining to the hub ─▶ quiet? ─▶ stop ─▶ connections end ─▶ /drain answers ─▶ exit
//!                                              └─ no later than one request timeout after that
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use proxy::net::Dial;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::serve::Sidecar;

/// For the announcement to reach every activator, and what they sent before it to reach us.
const ANNOUNCED_FOR: Duration = Duration::from_millis(500);
/// Without a new request.
const QUIET_FOR: Duration = Duration::from_millis(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// For connections to end once nothing is on them.
pub(crate) const GOODBYE: Duration = Duration::from_millis(500);
/// For answers to `/drain` and messages to the hub to be written.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(50);
/// `/drain` is called when the app's container ends. If that was not the pod's end, SIGTERM does not come to us, and
/// nothing needs draining.
const SIGTERM_WITHIN: Duration = Duration::from_secs(1);

/// How far the end is.
pub(crate) struct Drain {
    /// SIGTERM has come.
    pub(crate) terminating: CancellationToken,
    drained: CancellationToken,
    /// Callers of `/drain` that have no answer yet.
    waiters: AtomicUsize,
    /// After SIGTERM nothing is waited for any longer than this.
    patience: Duration,
}

impl Drain {
    pub(crate) fn new(terminating: CancellationToken, patience: Duration) -> Self {
        Self { terminating, drained: CancellationToken::new(), waiters: AtomicUsize::new(0), patience }
    }

    /// Ends when the app may be told to end: it is drained, or only its container is restarted.
    pub(crate) async fn wait(&self) {
        self.waiters.fetch_add(1, Ordering::Relaxed);
        let _waiter = Waiter(&self.waiters);
        tokio::select! {
            () = self.terminating.cancelled() => self.drained.cancelled().await,
            () = tokio::time::sleep(SIGTERM_WITHIN) => {}
        }
    }

    /// Everything is over; lets those who wait for it be told.
    pub(crate) async fn finish(&self) {
        let waited_for = self.waiters.load(Ordering::Relaxed) > 0;
        self.drained.cancel();
        if waited_for {
            tokio::time::sleep(LAST_WORDS).await;
        }
    }
}

struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is looked at to decide.
#[derive(Debug, Clone, Copy)]
struct Look {
    since_announced: Duration,
    since_arrival: Duration,
    in_flight: u32,
}

const fn may_stop(look: Look, patience: Duration) -> bool {
    let quiet = look.in_flight == 0
        && look.since_announced.as_nanos() >= ANNOUNCED_FOR.as_nanos()
        && look.since_arrival.as_nanos() >= QUIET_FOR.as_nanos();
    quiet || look.since_announced.as_nanos() >= patience.as_nanos()
}

/// Waits for SIGTERM, until we are `leaving`, and then for quiet; cancels `stop` when the listener may end.
pub(crate) async fn run(
    drain: Arc<Drain>,
    leaving: CancellationToken,
    sidecar: Arc<Sidecar<impl Dial>>,
    stop: CancellationToken,
) {
    drain.terminating.cancelled().await;
    leaving.cancelled().await;
    let announced = Instant::now();
    let (mut arrivals, mut arrived) = (sidecar.arrivals(), announced);
    loop {
        let now = Instant::now();
        if sidecar.arrivals() != arrivals {
            (arrivals, arrived) = (sidecar.arrivals(), now);
        }
        let look =
            Look { since_announced: now - announced, since_arrival: now - arrived, in_flight: sidecar.in_flight() };
        if may_stop(look, drain.patience) {
            return stop.cancel();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_when_quiet_or_out_of_patience() {
        let ms = Duration::from_millis;
        for (announced, arrival, in_flight, expected) in [
            (499, 499, 0, false),
            (500, 500, 0, true),
            (900, 299, 0, false),
            (900, 300, 0, true),
            (9_999, 9_999, 1, false),
            (10_000, 0, 1, true),
        ] {
            let look = Look { since_announced: ms(announced), since_arrival: ms(arrival), in_flight };
            assert_eq!(may_stop(look, ms(10_000)), expected, "{look:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_of_the_app_alone_drains_nothing() {
        let drain = Drain::new(CancellationToken::new(), Duration::from_secs(9));
        let begun = Instant::now();
        drain.wait().await;
        assert_eq!(begun.elapsed().as_secs(), 1);
    }
}
