//! How long a revision has been without load.

use std::time::Duration;

/// Remembers since when a revision is idle.
#[derive(Debug, Clone, Copy, Default)]
pub struct Idle {
    since: Option<Duration>,
}

/// Whether the last pod may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// There is load, or nobody knows.
    No,
    /// Idle; the grace has not passed.
    Waiting {
        /// What is left of it.
        left: Duration,
    },
    /// Idle for the whole grace.
    Over,
}

impl Idle {
    /// Judges `now`. `idle` says that the whole stable window was zero and nothing runs or waits at the moment;
    /// one look that finds it otherwise begins the grace anew.
    pub fn judge(&mut self, now: Duration, idle: bool, grace: Duration) -> Quiet {
        if !idle {
            self.since = None;
            return Quiet::No;
        }
        let since = *self.since.get_or_insert(now);
        match grace.saturating_sub(now.saturating_sub(since)) {
            Duration::ZERO => Quiet::Over,
            left => Quiet::Waiting { left },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grace_runs_from_the_first_idle_look_and_any_load_restarts_it() {
        let [grace, at] = [Duration::from_secs(30), Duration::from_secs(100)];
        let mut idle = Idle::default();
        assert_eq!(idle.judge(at, true, grace), Quiet::Waiting { left: grace });
        assert_eq!(idle.judge(at + grace / 2, true, grace), Quiet::Waiting { left: grace / 2 });
        assert_eq!(idle.judge(at + grace, true, grace), Quiet::Over);
        assert_eq!(idle.judge(at + grace, false, grace), Quiet::No);
        assert_eq!(idle.judge(at + grace * 2, true, grace), Quiet::Waiting { left: grace });
    }

    #[test]
    fn no_grace_is_over_at_once() {
        assert_eq!(Idle::default().judge(Duration::ZERO, true, Duration::ZERO), Quiet::Over);
    }
}
