//! The line before a revision's pods: who waits, and how a place that becomes free comes to one of them.
//!
//! Whoever comes while nobody waits takes a place without a lock; who waits, and who makes room for them, goes through
//! one. Whoever makes room looks *after* that whether somebody waits, and a waiter looks for a place *after* it stands in
//! the queue: so one of the two always sees the other. What makes this hold where threads see each other's writes late is
//! in `pick/slot.rs`; `line/models.rs` tries every interleaving.

#[cfg(test)]
#[cfg(feature = "loom")]
mod models;

use proxy::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

use super::queue::{Number, Queue};

/// A line, and the lock of those who wait in it and of whatever changes together with them.
#[derive(Debug, Default)]
pub(crate) struct Line<T> {
    /// The length of the queue behind the lock, for those who do not take it.
    waiting: AtomicUsize,
    behind: Mutex<T>,
}

impl<T> Line<T> {
    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.behind.lock()
    }

    /// The lock, if somebody waits: for whoever has just made room.
    pub(crate) fn lock_if_waiting(&self) -> Option<MutexGuard<'_, T>> {
        (self.waiting() > 0).then(|| self.lock())
    }

    /// Lets one in: it stands in the queue, and then `look` looks for a place ([`Line::release`]).
    pub(crate) fn enter<W, B: AsMut<Queue<W>>>(
        &self,
        behind: &mut B,
        number: Number,
        waiter: W,
        look: impl FnOnce(&mut B),
    ) {
        behind.as_mut().enter(waiter, number);
        self.show(behind.as_mut());
        look(behind);
    }

    /// Lets one out; whether it was still waiting.
    pub(crate) fn leave<W>(&self, queue: &mut Queue<W>, number: Number) -> bool {
        let waited = queue.leave(number);
        self.show(queue);
        waited
    }

    /// Calls those who are next, as long as `find` has a place for the first. One who has just left gives it back.
    pub(crate) fn release<W, P>(
        &self,
        queue: &mut Queue<W>,
        mut find: impl FnMut(&W) -> Option<P>,
        mut give: impl FnMut(W, P),
    ) {
        while let Some(place) = queue.first().and_then(&mut find) {
            if let Some(waiter) = queue.call() {
                give(waiter, place);
            }
        }
        self.show(queue);
    }

    fn show<W>(&self, queue: &Queue<W>) {
        self.waiting.store(queue.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::queue::Numbers, *};

    #[derive(Default)]
    struct Behind(Queue<u32>);

    impl AsMut<Queue<u32>> for Behind {
        fn as_mut(&mut self) -> &mut Queue<u32> {
            &mut self.0
        }
    }

    #[test]
    fn the_count_is_the_queue_s_whoever_comes_leaves_or_is_called() {
        let (line, numbers) = (Line::<Behind>::default(), Numbers::default());
        let mut behind = line.lock();
        let number = [(); 3].map(|()| numbers.next());
        for (waiter, number) in (1..).zip(number) {
            line.enter(&mut *behind, number, waiter, |behind| assert_eq!(line.waiting(), behind.0.len()));
        }
        assert_eq!(line.waiting(), 3);
        assert!(line.leave(&mut behind.0, number[1]) && !line.leave(&mut behind.0, number[1]));
        assert_eq!(line.waiting(), 2);
        let (mut places, mut called) = (1, vec![]);
        line.release(&mut behind.0, |_| (places > 0).then(|| places -= 1), |waiter, ()| called.push(waiter));
        assert_eq!((line.waiting(), called), (1, vec![1]));
    }
}
