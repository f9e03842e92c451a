//! The waiting room of one revision: first come, first served; anyone may leave at any time.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// A request's place in the order of arrival; kept when it has to wait again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(u64);

/// Gives out numbers. One for all queues: a number stays the only one, whatever becomes of a queue meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Numbers(AtomicU64);

impl Numbers {
    pub(crate) fn next(&self) -> Number {
        Number(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Those who wait, by number.
#[derive(Debug)]
pub(crate) struct Queue<W>(BTreeMap<Number, W>);

impl<W> Queue<W> {
    /// Lets one in, with a new number or the one that it had before.
    pub(crate) fn enter(&mut self, waiter: W, number: Number) {
        self.0.insert(number, waiter);
    }

    /// Whether it was still waiting.
    pub(crate) fn leave(&mut self, number: Number) -> bool {
        self.0.remove(&number).is_some()
    }

    /// The one that is next.
    pub(crate) fn first(&self) -> Option<&W> {
        self.0.first_key_value().map(|(_, waiter)| waiter)
    }

    /// Calls the next one.
    pub(crate) fn call(&mut self) -> Option<W> {
        self.0.pop_first().map(|(_, waiter)| waiter)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self(BTreeMap::new())
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
            let (numbers, mut queue) = (Numbers::default(), Queue::default());
            let mut waiting: Vec<Number> = Vec::new();
            let mut called: Option<Number> = None;
            for step in steps {
                match step {
                    Step::Enter => {
                        let number = numbers.next();
                        queue.enter(number, number);
                        waiting.push(number);
                    }
                    Step::Leave(index) if !waiting.is_empty() => {
                        let number = waiting.remove(index % waiting.len());
                        prop_assert!(queue.leave(number));
                        prop_assert!(!queue.leave(number));
                    }
                    Step::Leave(_) => {}
                    Step::Call => {
                        let expected = (!waiting.is_empty()).then(|| waiting.remove(0));
                        prop_assert_eq!(queue.first().copied(), expected);
                        prop_assert_eq!(queue.call(), expected);
                        called = expected.or(called);
                    }
                    // Whoever was called and comes back has its old place.
                    Step::Return => if let Some(number) = called.take() {
                        queue.enter(number, number);
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
