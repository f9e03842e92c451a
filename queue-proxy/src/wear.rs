//! How long this pod is of use: after so many requests, or at that age, another one takes its place.
//!
//! `worn`: a replacement is asked for, requests are still served. `spent`: none is served any more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// This part of the requests is left for the time that the replacement needs to start.
const LEFT: u64 = 10;
/// An age is up to this part shorter or longer.
const SPREAD: f64 = 0.1;
#[derive(Debug)]
pub(crate) struct Wear {
    /// Requests in all; 0: any number.
    limit: u64,
    admitted: AtomicU64,
    /// After SIGTERM a worn pod goes on until its replacement serves, which we are not told of: for so long.
    linger: Duration,
    pub(crate) worn: CancellationToken,
    spent: CancellationToken,
}

impl Wear {
    pub(crate) fn new(limit: u32, linger: Duration) -> Self {
        Self {
            limit: limit.into(),
            admitted: AtomicU64::new(0),
            linger,
            worn: CancellationToken::new(),
            spent: CancellationToken::new(),
        }
    }

    /// Whether one more request may go into the app.
    pub(crate) fn admit(&self) -> bool {
        if self.limit == 0 {
            return true;
        }
        let number = self.admitted.fetch_add(1, Ordering::Relaxed) + 1;
        if number >= self.limit - self.limit / LEFT {
            self.worn.cancel();
        }
        if number >= self.limit {
            self.spent.cancel();
        }
        number <= self.limit
    }

    /// Wears the pod out at this age, counted from its first readiness; `dice` is between 0 and 1.
    pub(crate) async fn grow_old(self: Arc<Self>, age: Duration, dice: f64, mut ready: watch::Receiver<bool>) {
        if ready.wait_for(|ready| *ready).await.is_ok() {
            tokio::time::sleep(age.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * dice)).await;
            self.worn.cancel();
        }
    }

    /// Ends when activators are to choose another pod: at SIGTERM, later if it is worn, at once if it is spent.
    pub(crate) async fn leaving(&self, sigterm: &CancellationToken) {
        let told = async {
            sigterm.cancelled().await;
            if self.worn.is_cancelled() {
                tokio::time::sleep(self.linger).await;
            }
        };
        tokio::select! {
            () = told => {}
            () = self.spent.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LINGER: Duration = Duration::from_secs(30);

    fn admitted(limit: u32, attempts: u32) -> Vec<(bool, bool, bool)> {
        let wear = Wear::new(limit, LINGER);
        (0..attempts).map(|_| (wear.admit(), wear.worn.is_cancelled(), wear.spent.is_cancelled())).collect()
    }

    #[test]
    fn a_replacement_is_asked_for_while_some_requests_are_left() {
        let seen = admitted(20, 21);
        assert_eq!(seen[16], (true, false, false));
        assert_eq!(seen[17], (true, true, false));
        assert_eq!(seen[19], (true, true, true));
        assert_eq!(seen[20], (false, true, true));
    }

    #[test]
    fn a_process_for_each_request() {
        assert_eq!(admitted(1, 2), [(true, true, true), (false, true, true)]);
    }

    #[test]
    fn without_a_limit_nothing_wears_out() {
        assert!(admitted(0, 1000).into_iter().all(|seen| seen == (true, false, false)));
    }

    async fn leaves_after(worn: bool, spent: bool) -> Duration {
        let wear = Wear::new(1, LINGER);
        let sigterm = CancellationToken::new();
        if worn {
            wear.worn.cancel();
        }
        if spent {
            wear.spent.cancel();
        } else {
            sigterm.cancel();
        }
        let begun = Instant::now();
        wear.leaving(&sigterm).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_worn_pod_serves_until_another_one_may_be_there() {
        assert_eq!(leaves_after(false, false).await, Duration::ZERO);
        assert_eq!(leaves_after(true, false).await, LINGER);
        assert_eq!(leaves_after(true, true).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn age_counts_from_the_first_readiness() {
        let (answers, ready) = watch::channel(false);
        let wear = Arc::new(Wear::new(0, LINGER));
        let begun = Instant::now();
        let growing = tokio::spawn(Arc::clone(&wear).grow_old(Duration::from_secs(100), 1.0, ready));
        tokio::time::sleep(Duration::from_secs(50)).await;
        answers.send_replace(true);
        growing.await.unwrap();
        assert!(wear.worn.is_cancelled());
        assert_eq!(begun.elapsed(), Duration::from_secs(160));
    }
}
