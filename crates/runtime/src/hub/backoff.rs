//! How long to try, and how long to wait before dialling again.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(20);
/// In its first moments a pod may not have a network or DNS yet; a wake must not wait for a grown back-off.
const EAGER_FOR: Duration = Duration::from_secs(1);
/// Of the first attempt, the lookup of the name included. What answers at all does so in milliseconds; a packet that is lost,
/// as in the first moments of a pod's network, would be sent again only after seconds.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(200);
/// Of an attempt after many that failed, for a lookup that is slow.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(3);
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

    /// How long the next attempt may take: a span that doubles with each failure.
    pub(super) fn attempt(&self) -> Duration {
        SHORTEST_ATTEMPT.saturating_mul(1 << self.failures.min(16)).min(LONGEST_ATTEMPT)
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
    fn later_attempts_may_take_longer() {
        let mut backoff = Backoff::new(Duration::from_secs(2));
        let mut attempts = Vec::new();
        for _ in 0..6 {
            attempts.push(backoff.attempt().as_millis());
            backoff.next(Duration::ZERO, Duration::ZERO, 1.0);
        }
        assert_eq!(attempts, [200, 400, 800, 1600, 3000, 3000]);
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
