//! A start that failed is made again only for requests that wait, and later each time.

use std::time::Duration;

use crate::scaler::Input;

/// Wait after the first failure in a row; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(10);
/// Longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// The failures of one revision since a pod was last ready.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retry {
    failures: u32,
    /// No start before.
    until: Duration,
}

impl Retry {
    /// Notes what has become of a start; `overdue` says that its deadline passed just now.
    pub(crate) fn follow(&mut self, now: Duration, input: &Input, overdue: bool) {
        if input.ready > 0 {
            *self = Self::default();
        } else if overdue {
            let wait = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
            self.failures = self.failures.saturating_add(1);
            self.until = now.saturating_add(wait);
        }
    }

    /// Whether pods are not to be asked for: the wait is not over, or nobody waits for them. A start in progress goes
    /// on without its requests, as any does.
    pub(crate) fn refuses(&self, now: Duration, input: &Input) -> bool {
        self.failures > 0 && (now < self.until || (input.desired_now == 0 && input.held == 0))
    }

    /// Time until the next start may be made.
    pub(crate) fn left(&self, now: Duration) -> Duration {
        self.until.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_a_ready_pod_ends_them() {
        let mut retry = Retry::default();
        let (now, nobody) = (Duration::from_secs(1000), Input::default());
        let mut wait = || {
            retry.follow(now, &nobody, true);
            retry.left(now).as_secs()
        };
        assert_eq!([(); 7].map(|()| wait()), [10, 20, 40, 80, 160, 300, 300]);
        retry.follow(now, &Input { ready: 1, ..nobody }, false);
        assert!(!retry.refuses(now, &nobody));
        retry.follow(now, &nobody, true);
        assert_eq!(retry.left(now).as_secs(), 10, "it counts from the beginning again");
    }
}
