//! The gate under many tasks on several threads.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use proxy::gate::{Full, Gate};
use tokio::task::JoinSet;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_more_inside_than_the_limit_and_nobody_is_lost() {
    for limit in [1, 3, 100] {
        let gate = Gate::new(limit);
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for task in 0..1_000_u64 {
            let (gate, inside, most) = (gate.clone(), Arc::clone(&inside), Arc::clone(&most));
            tasks.spawn(async move {
                // Every third gives up at some point of its wait; a place that it was just given must not be lost.
                let wait = Duration::from_micros(if task % 3 == 0 { task } else { 60_000_000 });
                let entered = tokio::time::timeout(wait, gate.enter(PEER)).await;
                let Ok(Ok(permit)) = entered else {
                    return;
                };
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            });
        }
        tasks.join_all().await;
        assert!(most.load(Ordering::SeqCst) <= limit as usize);
        assert_eq!(gate.waiting(), 0);
        // All places are there again.
        let mut places = Vec::new();
        for _ in 0..limit {
            places.push(gate.enter(PEER).await.unwrap());
        }
        let one_more = tokio::time::timeout(Duration::ZERO, gate.enter(PEER)).await;
        assert!(one_more.is_err());
    }
}

#[tokio::test]
async fn the_queue_is_first_come_first_served_and_bounded() {
    let gate = Gate::new(2);
    let inside = [gate.enter(PEER).await.unwrap(), gate.enter(PEER).await.unwrap()];
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (waiter, order) = (gate.clone(), Arc::clone(&order));
        tasks.spawn(async move {
            let _permit = waiter.enter(PEER).await.unwrap();
            order.lock().push(number);
        });
        while gate.waiting() <= number {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(gate.enter(PEER).await.unwrap_err(), Full);
    drop(inside);
    tasks.join_all().await;
    assert_eq!(*order.lock(), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_limit_is_no_gate() {
    let gate = Gate::new(0);
    let inside: Vec<_> = futures_util::future::join_all((0..1_000).map(|_| gate.enter(PEER))).await;
    assert!(inside.iter().all(Result::is_ok));
    assert_eq!(gate.waiting(), 0);
}
