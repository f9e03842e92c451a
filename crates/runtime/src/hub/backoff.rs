//! How long to wait before dialling again.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(20);
/// In its first moments a pod may not have a network or DNS yet; a wake must not wait for a grown back-off.
const EAGER_FOR: Duration = Duration::from_secs(1);
/// A stream that lived this long was a good one, and the count begins anew.
pub(super) const GOOD_AFTER: Duration = Duration::from_secs(2);

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// With pauses of at most `longest`.
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, failures: 0 }
    }

    /// Notes that an attempt ended after `lived`, `age` after the process began, and gives the pause before the next:
    /// between half and the whole of a span that doubles; `jitter` is within 0..1.
    pub(super) fn next(&mut self, lived: Duration, age: Duration, jitter: f64) -> Duration {
        if lived >= GOOD_AFTER {
            self.failures = 0;
        }
        let span = if age < EAGER_FOR {
            SHORTEST
        } else {
            SHORTEST.saturating_mul(1 << self.failures.min(16)).min(self.longest)
        };
        self.failures = self.failures.saturating_add(1);
        span.mul_f64(0.5 + 0.5 * jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Duration = Duration::from_secs(100);

    #[test]
    fn grows_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(2));
        let spans: Vec<u128> = (0..9).map(|_| backoff.next(Duration::ZERO, OLD, 1.0).as_millis()).collect();
        assert_eq!(spans, [20, 40, 80, 160, 320, 640, 1280, 2000, 2000]);
        assert_eq!(backoff.next(Duration::ZERO, OLD, 0.0).as_millis(), 1000);
    }

    #[test]
    fn a_stream_that_lived_begins_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(2));
        for _ in 0..9 {
            backoff.next(Duration::ZERO, OLD, 1.0);
        }
        assert_eq!(backoff.next(GOOD_AFTER, OLD, 1.0).as_millis(), 20);
    }

    #[test]
    fn eager_in_the_first_second() {
        let mut backoff = Backoff::new(Duration::from_secs(2));
        for _ in 0..20 {
            let pause = backoff.next(Duration::ZERO, Duration::from_millis(900), 1.0);
            assert_eq!(pause.as_millis(), 20);
        }
        assert_eq!(backoff.next(Duration::ZERO, OLD, 1.0).as_millis(), 2000);
    }
}
