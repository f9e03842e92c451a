//! The line and the pods' places in every interleaving of a few threads, by loom:
//! `cargo test -p activator --features loom models`. A thread that waits for ever ends a model as a deadlock.
//!
//! All but the owner and what a waiter waits on is what a revision has. Loom sees only the locks and atomics of
//! `proxy::sync`; what is counted here makes no order between threads.

mod world;

use std::sync::Arc;

use loom::thread;
use parking_lot::Mutex;
use proxy::sync::{join, model};

use self::world::{Waiting, World};
use crate::hold::share::Cap;

const ONE: Cap = Cap::Limit { limit: 1, even: 1 };

#[test]
fn one_comes_while_the_only_place_is_given_back() {
    model(3, || {
        let world = World::new(1, ONE);
        let lease = world.take().unwrap();
        let comes = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.stay(world.enter().call()))
        };
        drop(lease);
        join([comes]);
        world.rests();
    });
}

#[test]
fn two_wait_for_one_place() {
    model(3, || {
        let world = World::new(1, ONE);
        let lease = world.take().unwrap();
        let threads = [(); 2].map(|()| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.pass())
        });
        drop(lease);
        join(threads);
        world.rests();
    });
}

#[test]
fn in_order_of_arrival_and_no_newcomer_overtakes() {
    model(2, || {
        let world = World::new(1, ONE);
        let order = Arc::new(Mutex::new(Vec::new()));
        let lease = world.take().unwrap();
        let waiters = [(1, Some(world.enter())), (2, Some(world.enter())), (3, None)];
        let threads = waiters.map(|(number, waiter)| {
            let (world, order) = (Arc::clone(&world), Arc::clone(&order));
            thread::spawn(move || {
                let lease = waiter.map_or_else(|| world.place(), Waiting::call);
                order.lock().push(number);
                world.stay(lease);
            })
        });
        drop(lease);
        join(threads);
        assert_eq!(*order.lock(), [1, 2, 3]);
        world.rests();
    });
}

#[test]
fn one_who_leaves_while_it_is_called_takes_no_place_along() {
    for deadline in [false, true] {
        model(3, move || {
            let world = World::new(1, ONE);
            let lease = world.take().unwrap();
            let (leaves, stays) = (world.enter(), world.enter());
            let leaves = thread::spawn(move || if deadline { leaves.give_up() } else { leaves.depart() });
            let stays = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.stay(stays.call()))
            };
            drop(lease);
            join([leaves, stays]);
            world.rests();
        });
    }
}

#[test]
fn a_place_is_taken_beside_the_line_and_the_other_pod_has_room() {
    model(3, || {
        let world = World::new(2, ONE);
        let beside = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.take())
        };
        // Whatever the other one has, it has until this one is called.
        let called = world.enter().call();
        let [beside] = join([beside]);
        world.count(1 + u32::from(beside.is_some()));
        drop((called, beside));
        world.rests();
    });
}

#[test]
fn a_pod_becomes_ready_while_one_comes() {
    model(3, || {
        let world = World::new(0, ONE);
        let threads = [(); 2].map(|()| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.pass())
        });
        world.ready();
        join(threads);
        world.rests();
    });
}

#[test]
fn a_pod_says_that_it_has_more_places_while_one_comes() {
    model(3, || {
        let world = World::new(1, Cap::Limit { limit: 2, even: 1 });
        let lease = world.take().unwrap();
        let comes = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.enter().call())
        };
        lease.told(Some(2));
        let called = join([comes]);
        world.count(2);
        drop((called, lease));
        world.rests();
    });
}
