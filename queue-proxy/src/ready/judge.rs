//! When the next attempt is due, and what a row of attempts means.

use std::time::Duration;

/// An attempt on loopback costs some tens of microseconds.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// This part of the time that was waited already: 1 ms up to 1 s, 10 ms at 10 s, 0.3 s at 5 min. Whenever the app
/// becomes ready, a thousandth is added to its own time.
const SHARE: u32 = 1000;

/// The pause before the next attempt while the app is not ready.
pub(super) fn pause(waited: Duration, period: Duration) -> Duration {
    (waited / SHARE).clamp(PAUSE_MIN, period.clamp(PAUSE_MIN, PAUSE_MAX))
}

/// Counts attempts in a row.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) ready: bool,
    successes: u32,
    failures: u32,
    /// Attempts in a row that contradict `ready`.
    against: u32,
}

impl Judge {
    pub(super) const fn new(successes: u32, failures: u32) -> Self {
        Self { ready: false, successes, failures, against: 0 }
    }

    /// Takes the outcome of one attempt; says whether it changed the verdict.
    pub(super) const fn hear(&mut self, answered: bool) -> bool {
        if answered == self.ready {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = if self.ready { self.failures } else { self.successes };
        if self.against < needed {
            return false;
        }
        self.ready = answered;
        self.against = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_wait() {
        let pause = |ms, period| pause(Duration::from_millis(ms), Duration::from_secs(period));
        assert_eq!(pause(0, 10).as_millis(), 1);
        assert_eq!(pause(1_000, 10).as_millis(), 1);
        assert_eq!(pause(10_000, 10).as_millis(), 10);
        assert_eq!(pause(4_000_000, 10).as_millis(), 1_000);
        assert_eq!(pause(400_000, 0).as_millis(), 1);
    }

    #[test]
    fn a_verdict_takes_a_row_of_attempts() {
        let mut judge = Judge::new(2, 3);
        let heard = |judge: &mut Judge, answers: &[bool]| -> Vec<bool> {
            answers.iter().map(|answer| judge.hear(*answer)).collect()
        };
        assert_eq!(heard(&mut judge, &[true, false, true, true]), [false, false, false, true]);
        assert!(judge.ready);
        assert_eq!(
            heard(&mut judge, &[false, false, true, false, false, false]),
            [false, false, false, false, false, true]
        );
        assert!(!judge.ready);
    }
}
