//! The last decisions of one revision.

use std::collections::VecDeque;
use std::time::Duration;

use scaling::Record;

/// Most entries of a revision that runs.
const ENTRIES_MAX: usize = 100;
/// Most entries of one that sleeps: there are many of them.
const ASLEEP_MAX: usize = 4;
/// Most entries of one that has slept for long: that it does, and since when.
const RESTING_MAX: usize = 1;

/// Decisions that followed each other with the same outcome for the same reason.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// When the first of them was taken.
    pub since: Duration,
    /// How many.
    pub times: u32,
    /// The last of them.
    pub record: Record,
}

/// Oldest first; the same decision taken again is counted, not repeated.
#[derive(Debug, Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
}

impl Journal {
    /// Adds a decision.
    pub fn push(&mut self, record: Record) {
        let same = |entry: &&mut Entry| entry.record.desired == record.desired && entry.record.reason == record.reason;
        if let Some(entry) = self.entries.back_mut().filter(same) {
            entry.times = entry.times.saturating_add(1);
            entry.record = record;
            return;
        }
        let most = if record.desired == 0 { ASLEEP_MAX } else { ENTRIES_MAX };
        self.keep(most - 1);
        self.entries.push_back(Entry { since: record.at, times: 1, record });
        if record.desired == 0 {
            self.entries.shrink_to_fit();
        }
    }

    /// For how long the decision has been the same.
    pub fn same_for(&self, now: Duration) -> Duration {
        self.entries.back().map_or(Duration::ZERO, |entry| now.saturating_sub(entry.since))
    }

    /// Keeps the newest few.
    pub fn rest(&mut self) {
        if self.entries.len() > RESTING_MAX {
            self.keep(RESTING_MAX);
            self.entries.shrink_to_fit();
        }
    }

    fn keep(&mut self, most: usize) {
        let surplus = self.entries.len().saturating_sub(most);
        self.entries.drain(..surplus);
    }

    /// All of them, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaling::{Input, Scaler, Spec};

    fn record(held: u32, desired: u32) -> Record {
        let decision = Scaler::new(Spec::default()).decide(Duration::ZERO, Input { held, ..Input::default() });
        Record { desired, ..decision.record }
    }

    #[test]
    fn the_same_again_is_counted() {
        let mut journal = Journal::default();
        for desired in [1, 1, 1, 2] {
            journal.push(record(1, desired));
        }
        let seen: Vec<_> = journal.newest().map(|entry| (entry.record.desired, entry.times)).collect();
        assert_eq!(seen, [(2, 1), (1, 3)]);
    }

    #[test]
    fn it_is_bounded_and_small_when_asleep() {
        let mut journal = Journal::default();
        for desired in 1..300 {
            journal.push(record(1, desired));
        }
        assert_eq!(journal.newest().count(), ENTRIES_MAX);
        journal.push(record(0, 0));
        assert_eq!(journal.newest().count(), ASLEEP_MAX);
        journal.rest();
        assert_eq!(journal.newest().map(|entry| entry.record.desired).collect::<Vec<_>>(), [0]);
        assert!(journal.entries.capacity() * size_of::<Entry>() <= 192, "{}", size_of::<Entry>());
    }
}
