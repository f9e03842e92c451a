//! Which object is reconciled when. Holds nothing of those that are settled. Pure.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::store::Key;

/// Objects that are due now or later, and those under way. Each is there once: the earliest time counts.
#[derive(Debug, Default)]
pub struct Queue {
    due: BTreeMap<Key, Instant>,
    order: BTreeSet<(Instant, Key)>,
    /// Under way, and when to come again if that was asked for meanwhile.
    running: BTreeMap<Key, Option<Instant>>,
}

impl Queue {
    /// The object is to be reconciled at `at`, or earlier if that was asked for already.
    pub fn add(&mut self, key: Key, at: Instant) {
        if let Some(again) = self.running.get_mut(&key) {
            *again = Some(again.map_or(at, |asked| asked.min(at)));
            return;
        }
        if let Some(asked) = self.due.get(&key).copied() {
            if asked <= at {
                return;
            }
            self.order.remove(&(asked, key.clone()));
        }
        self.due.insert(key.clone(), at);
        self.order.insert((at, key));
    }

    /// The next object that is due; it is under way until it is [`Queue::done`].
    pub fn take(&mut self, now: Instant) -> Option<Key> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.order.pop_first()?;
        self.due.remove(&key);
        self.running.insert(key.clone(), None);
        Some(key)
    }

    /// An object is under way no more, and is to be looked at again at `next`.
    pub fn done(&mut self, key: Key, next: Option<Instant>) {
        let asked = self.running.remove(&key).flatten();
        if let Some(at) = [asked, next].into_iter().flatten().min() {
            self.add(key, at);
        }
    }

    /// When the next object is due.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// How many are under way.
    pub fn running(&self) -> usize {
        self.running.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(name: &str) -> Key {
        Key::new("ns", name)
    }

    fn at(second: u64) -> Instant {
        static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *BEGIN.get_or_init(Instant::now) + Duration::from_secs(second)
    }

    #[test]
    fn what_is_asked_for_twice_is_done_once_at_the_earlier_time() {
        let mut queue = Queue::default();
        for second in [5, 3, 9] {
            queue.add(key("a"), at(second));
        }
        assert_eq!(queue.next(), Some(at(3)));
        assert_eq!(queue.take(at(2)), None);
        assert_eq!(queue.take(at(3)), Some(key("a")));
        assert_eq!(queue.take(at(99)), None);
    }

    #[test]
    fn what_is_asked_for_while_under_way_comes_after_that() {
        let mut queue = Queue::default();
        queue.add(key("a"), at(0));
        assert_eq!(queue.take(at(0)), Some(key("a")));
        queue.add(key("a"), at(2));
        queue.add(key("a"), at(1));
        assert_eq!((queue.take(at(9)), queue.next(), queue.running()), (None, None, 1));
        queue.done(key("a"), Some(at(60)));
        assert_eq!((queue.next(), queue.running()), (Some(at(1)), 0));
    }

    #[test]
    fn those_due_first_come_first_and_the_settled_leave_nothing() {
        let mut queue = Queue::default();
        queue.add(key("late"), at(2));
        queue.add(key("early"), at(1));
        for expected in ["early", "late"] {
            let taken = queue.take(at(9)).expect("due");
            assert_eq!(taken, key(expected));
            queue.done(taken, None);
        }
        assert!(queue.due.is_empty() && queue.order.is_empty() && queue.running.is_empty());
    }
}
