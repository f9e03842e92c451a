//! The bell in every interleaving of who rings it and who attends, by loom: `cargo test -p proxy --features loom --lib models`.

use loom::thread;

use super::*;
use crate::sync::{atomic::AtomicBool, join, model};

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Woken {
    fn is_woken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A bell that has been answered, and that somebody is about to ring.
fn ringing() -> (Arc<Bell>, thread::JoinHandle<()>) {
    let bell = Arc::new(Bell::default());
    assert!(bell.answer());
    let rings = {
        let bell = Arc::clone(&bell);
        thread::spawn(move || bell.wake_by_ref())
    };
    (bell, rings)
}

#[test]
fn whoever_leaves_while_it_rings_learns_of_it() {
    model(3, || {
        let (bell, rings) = ringing();
        let woken = Arc::new(Woken::default());
        bell.attend();
        let left = bell.leave_to(&Waker::from(Arc::clone(&woken)));
        join([rings]);
        assert_eq!(left, woken.is_woken());
        assert!(bell.answer(), "it has rung");
    });
}

#[test]
fn whoever_comes_back_while_it_rings_learns_of_it() {
    model(3, || {
        let (bell, rings) = ringing();
        let woken = Arc::new(Woken::default());
        let mut answered = !bell.leave_to(&Waker::from(Arc::clone(&woken))) && bell.answer();
        bell.attend();
        answered |= bell.answer();
        let again = Arc::new(Woken::default());
        let left = !answered && bell.leave_to(&Waker::from(Arc::clone(&again)));
        join([rings]);
        assert!(answered || bell.answer(), "it has rung");
        assert!(!left || again.is_woken(), "nobody was told");
    });
}

#[test]
fn a_ring_is_not_lost_between_two_who_attend() {
    model(3, || {
        let (bell, rings) = ringing();
        let (first, second) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let first_left = bell.leave_to(&Waker::from(Arc::clone(&first)));
        bell.attend();
        let second_left = first_left && bell.leave_to(&Waker::from(Arc::clone(&second)));
        join([rings]);
        assert!(bell.answer(), "it has rung");
        assert!(!second_left || first.is_woken() || second.is_woken(), "nobody was told");
    });
}
