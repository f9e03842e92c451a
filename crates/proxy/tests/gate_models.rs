//! The gate in every interleaving of a few threads, by loom: `cargo test -p proxy --features loom --test gate_models`.
//! A thread that waits for ever ends a model as a deadlock.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use loom::{future::block_on, thread};
use parking_lot::Mutex;
use proxy::{
    gate::{Full, Gate, Permit},
    sync::{join, model},
};

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const NOBODY_ELSE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3));

type Entering = Pin<Box<dyn Future<Output = Result<Permit, Full>>>>;

fn entering(gate: &Gate, peer: IpAddr) -> Entering {
    let gate = gate.clone();
    Box::pin(async move { gate.enter(peer).await })
}

/// One look at the gate.
fn poll(entering: &mut Entering) -> Poll<Result<Permit, Full>> {
    entering.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A gate, and how many are inside, which loom does not see: it makes no order between threads.
#[derive(Clone)]
struct World {
    gate: Gate,
    limit: u32,
    inside: Arc<AtomicU32>,
}

impl World {
    fn new(limit: u32) -> Self {
        Self { gate: Gate::new(limit), limit, inside: Arc::default() }
    }

    /// Stays inside for a moment in which others may run.
    fn stay(&self, permit: Permit) {
        assert!(self.inside.fetch_add(1, SeqCst) < self.limit, "more inside than the limit");
        assert!(permit.places().unwrap() >= 1);
        self.inside.fetch_sub(1, SeqCst);
    }

    fn pass(&self, peer: IpAddr) {
        self.stay(block_on(self.gate.enter(peer)).unwrap());
    }

    /// So many of `peer` in the queue, each after the one before.
    fn queue<const N: usize>(&self, peer: IpAddr) -> [Entering; N] {
        [(); N].map(|()| {
            let mut waiter = entering(&self.gate, peer);
            assert!(poll(&mut waiter).is_pending());
            waiter
        })
    }

    /// All places are there, nobody waits, and all peers are forgotten.
    fn rests(&self) {
        assert_eq!(self.gate.waiting(), 0);
        let place = || match poll(&mut entering(&self.gate, NOBODY_ELSE)) {
            Poll::Ready(Ok(permit)) => permit,
            other => panic!("a place is lost: {other:?}"),
        };
        let all: Vec<_> = (0..self.limit).map(|_| place()).collect();
        assert_eq!(all[0].places(), Some(self.limit), "it is alone");
        assert!(poll(&mut entering(&self.gate, A)).is_pending(), "one place too many");
    }
}

#[test]
fn never_more_inside_than_the_limit_and_all_get_in() {
    for limit in [1, 2] {
        model(3, move || {
            let world = World::new(limit);
            let threads = [A, B].map(|peer| {
                let world = world.clone();
                thread::spawn(move || world.pass(peer))
            });
            world.pass(A);
            join(threads);
            world.rests();
        });
    }
}

#[test]
fn in_order_of_arrival_and_no_newcomer_overtakes() {
    model(2, || {
        let world = World::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let inside = block_on(world.gate.enter(A)).unwrap();
        let ([first], [second]) = (world.queue(A), world.queue(B));
        let threads = [(1, first), (2, second), (3, entering(&world.gate, A))].map(|(number, waiter)| {
            let (world, order) = (world.clone(), Arc::clone(&order));
            thread::spawn(move || {
                let permit = block_on(waiter).unwrap();
                order.lock().push(number);
                world.stay(permit);
            })
        });
        drop(inside);
        join(threads);
        assert_eq!(*order.lock(), [1, 2, 3]);
        world.rests();
    });
}

#[test]
fn whoever_stops_waiting_takes_no_place_along() {
    for limit in [1, 2] {
        model(3, move || {
            let world = World::new(limit);
            let inside: Vec<_> = (0..limit).map(|_| block_on(world.gate.enter(A)).unwrap()).collect();
            let [mut leaves] = world.queue(B);
            // It leaves while it waits, when it was called and has not seen it, or at its second look.
            let departs = thread::spawn(move || {
                let _ = poll(&mut leaves);
            });
            let stays = {
                let world = world.clone();
                thread::spawn(move || world.pass(A))
            };
            drop(inside);
            join([departs, stays]);
            world.rests();
        });
    }
}

#[test]
fn full_exactly_at_the_bound() {
    model(3, || {
        let world = World::new(1);
        let inside = block_on(world.gate.enter(A)).unwrap();
        let waiters: [_; 9] = world.queue(A);
        let tenth = [A, B].map(|peer| {
            let mut waiter = entering(&world.gate, peer);
            thread::spawn(move || match poll(&mut waiter) {
                Poll::Ready(full) => Err(full.unwrap_err()),
                Poll::Pending => Ok(waiter),
            })
        });
        let tenth = join(tenth);
        assert_eq!(tenth.iter().filter(|waiter| waiter.is_ok()).count(), 1, "one of two");
        assert_eq!(world.gate.waiting(), 10);
        drop((waiters, tenth));
        drop(inside);
        world.rests();
    });
}

#[test]
fn one_more_may_wait_when_one_has_left() {
    model(3, || {
        let world = World::new(1);
        let inside = block_on(world.gate.enter(A)).unwrap();
        let waiters: [_; 9] = world.queue(B);
        let [leaver] = world.queue(B);
        let threads = [thread::spawn(move || drop(leaver)), thread::spawn(move || drop(inside))];
        // Full only while neither has happened; in any case behind the nine.
        let mut late = entering(&world.gate, A);
        match poll(&mut late) {
            Poll::Pending | Poll::Ready(Err(Full)) => {}
            Poll::Ready(Ok(_)) => panic!("it has overtaken nine"),
        }
        join(threads);
        assert!(world.gate.waiting() <= 10);
        drop((waiters, late));
        world.rests();
    });
}
