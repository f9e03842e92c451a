//! The waiting room of one revision: first come, first served; anyone may leave at any time.

use std::collections::BTreeMap;

use tokio::{sync::oneshot, time::Instant};

use super::Verdict;

/// A request's place in the order of arrival; kept when it has to wait again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(u64);

/// Someone who waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) arrived: Instant,
    pub(crate) sender: oneshot::Sender<Verdict>,
}

/// Those who wait, by number.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiters: BTreeMap<Number, Waiter>,
    next: u64,
}

impl Queue {
    /// Lets one in, with the number that it had before or a new one.
    pub(crate) fn enter(&mut self, waiter: Waiter, number: Option<Number>) -> Number {
        let number = number.unwrap_or_else(|| {
            self.next += 1;
            Number(self.next)
        });
        self.waiters.insert(number, waiter);
        number
    }

    /// Whether it was still waiting.
    pub(crate) fn leave(&mut self, number: Number) -> bool {
        self.waiters.remove(&number).is_some()
    }

    /// When the one that is next arrived.
    pub(crate) fn first_arrived(&self) -> Option<Instant> {
        self.waiters.first_key_value().map(|(_, waiter)| waiter.arrived)
    }

    /// Calls the next one.
    pub(crate) fn call(&mut self) -> Option<Waiter> {
        self.waiters.pop_first().map(|(_, waiter)| waiter)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Enter,
        Leave(usize),
        Call,
        Return,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Enter),
            1 => (0usize..64).prop_map(Step::Leave),
            2 => Just(Step::Call),
            1 => Just(Step::Return),
        ]
    }

    proptest! {
        #[test]
        fn first_come_first_served(steps in proptest::collection::vec(step(), 0..200)) {
            let base = Instant::now();
            let at = |number: u64| base + std::time::Duration::from_micros(number);
            let mut queue = Queue::default();
            let mut waiting: Vec<Number> = Vec::new();
            let mut called: Option<Number> = None;
            for step in steps {
                match step {
                    Step::Enter => {
                        let waiter = Waiter { arrived: at(queue.next + 1), sender: oneshot::channel().0 };
                        waiting.push(queue.enter(waiter, None));
                    }
                    Step::Leave(index) if !waiting.is_empty() => {
                        let number = waiting.remove(index % waiting.len());
                        prop_assert!(queue.leave(number));
                        prop_assert!(!queue.leave(number));
                    }
                    Step::Leave(_) => {}
                    Step::Call => {
                        let expected = (!waiting.is_empty()).then(|| waiting.remove(0));
                        prop_assert_eq!(queue.first_arrived(), expected.map(|number| at(number.0)));
                        prop_assert_eq!(queue.call().map(|w| w.arrived), expected.map(|number| at(number.0)));
                        called = expected.or(called);
                    }
                    // Whoever was called and comes back has its old place.
                    Step::Return => if let Some(number) = called.take() {
                        let waiter = Waiter { arrived: at(number.0), sender: oneshot::channel().0 };
                        prop_assert_eq!(queue.enter(waiter, Some(number)), number);
                        let place = waiting.partition_point(|other| *other < number);
                        waiting.insert(place, number);
                    },
                }
                prop_assert_eq!(queue.len(), waiting.len());
                prop_assert_eq!(queue.is_empty(), waiting.is_empty());
            }
        }
    }
}
