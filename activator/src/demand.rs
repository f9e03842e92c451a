//! When to tell the hub how many requests wait for pods of a revision: at once for the first, and then at most every
//! 5 ms while the number changes (by it the hub divides a new pod's places among activators). Pure; `revision` says it,
//! `report` repeats it each second.

use std::time::Duration;

use tokio::time::Instant;

/// Least time between two messages of one revision.
pub(crate) const PACE: Duration = Duration::from_millis(5);

/// What is to be done about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Say {
    Nothing,
    /// This many, at once.
    Now(u32),
    /// Ask [`Pace::due`] at this time.
    Later(Instant),
}

/// What the hub was told of one revision.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    told: u32,
    last: Option<Instant>,
    due: bool,
}

impl Pace {
    /// The number held has changed.
    pub(crate) fn changed(&mut self, held: u32, now: Instant) -> Say {
        if self.due {
            return Say::Nothing;
        }
        if held == self.told {
            return Say::Nothing;
        }
        match self.last {
            Some(last) if now < last + PACE => {
                self.due = true;
                Say::Later(last + PACE)
            }
            _ => Say::Now(self.tell(held, now)),
        }
    }

    /// The time that [`Say::Later`] named has come.
    pub(crate) fn due(&mut self, held: u32, now: Instant) -> Option<u32> {
        self.due = false;
        (held != self.told).then(|| self.tell(held, now))
    }

    /// Each second, and on a new stream.
    pub(crate) fn repeat(&mut self, held: u32, now: Instant) -> Option<u32> {
        (held > 0).then(|| self.tell(held, now))
    }

    /// The hub knows that nobody waits, and nothing is to be said.
    pub(crate) fn rests(&self) -> bool {
        self.told == 0 && !self.due
    }

    fn tell(&mut self, held: u32, now: Instant) -> u32 {
        self.told = held;
        self.last = Some(now);
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_at_once_the_next_together() {
        let start = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.changed(1, start), Say::Now(1));
        assert_eq!(pace.changed(2, start + MS), Say::Later(start + PACE));
        assert_eq!(pace.changed(3, start + 2 * MS), Say::Nothing);
        assert_eq!(pace.due(3, start + PACE), Some(3));
        assert_eq!(pace.changed(4, start + 2 * PACE), Say::Now(4));
    }

    #[test]
    fn fewer_is_news_too_and_the_same_is_not() {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.changed(1, start);
        assert_eq!(pace.changed(9, start + 2 * PACE), Say::Now(9));
        assert_eq!(pace.changed(3, start + 4 * PACE), Say::Now(3));
        assert_eq!(pace.changed(3, start + 6 * PACE), Say::Nothing);
        assert_eq!(pace.changed(0, start + 8 * PACE), Say::Now(0));
        assert_eq!(pace.changed(0, start + 10 * PACE), Say::Nothing);
    }

    #[test]
    fn come_and_gone_between_two_messages() {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.changed(1, start);
        assert_eq!(pace.changed(2, start + MS), Say::Later(start + PACE));
        assert_eq!(pace.due(1, start + PACE), None);
    }

    #[test]
    fn repeated_while_held() {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.changed(1, start);
        assert_eq!(pace.repeat(1, start + 1000 * MS), Some(1));
        assert_eq!(pace.repeat(0, start + 2000 * MS), None);
    }
}
