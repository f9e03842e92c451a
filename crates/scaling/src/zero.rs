//! How long a revision has been without load.

use std::time::Duration;

/// Remembers since when a revision is idle.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Idle {
    since: Option<Duration>,
}

impl Idle {
    /// For how long it has been idle at `now`. `idle` says that the whole stable window was zero and nothing runs or
    /// waits at the moment; one look that finds it otherwise begins anew.
    pub(crate) fn watch(&mut self, now: Duration, idle: bool) -> Option<Duration> {
        if !idle {
            self.since = None;
            return None;
        }
        Some(now.saturating_sub(*self.since.get_or_insert(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_the_first_idle_look_and_any_load_begins_anew() {
        let [time, at] = [Duration::from_secs(30), Duration::from_secs(100)];
        let mut idle = Idle::default();
        assert_eq!(idle.watch(at, true), Some(Duration::ZERO));
        assert_eq!(idle.watch(at + time, true), Some(time));
        assert_eq!(idle.watch(at + time, false), None);
        assert_eq!(idle.watch(at + time * 2, true), Some(Duration::ZERO));
    }
}
