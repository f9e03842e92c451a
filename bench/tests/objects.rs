//! Apps that are written as objects alone are what they stand for: the operator takes them for apps that sleep.

use std::sync::Arc;
use std::time::Duration;

use bench::objects;
use e2e::{Cluster, Space};
use sim::chance;
use sim::clients::{Clients, Outcome};
use sim::world::{APPS, NAMESPACE, OPERATOR, Size, World};
use testkit::Seed;

const COUNT: usize = 40;

/// In a thread of its own, for the seed is the thread's.
#[test]
fn apps_that_never_had_a_pod_sleep_and_nobody_wakes_them() {
    let alone = std::thread::Builder::new().stack_size(8 << 20).spawn(|| {
        chance::seed(Seed::new(1));
        testkit::run(write_and_look());
    });
    assert!(alone.expect("a thread").join().is_ok());
}

async fn write_and_look() {
    let world = World::start(Seed::new(1), Size { operators: 2, activators: 2 }).await;
    let client = world.common().server.client("system:bench", NAMESPACE);
    let space = Space { cluster: Cluster { client, system: NAMESPACE.to_owned() }, name: APPS.to_owned() };
    let names: Vec<String> = (0..COUNT).map(|n| format!("asleep-{n}")).collect();
    let (first, others) = names.split_at(1);
    let written = objects::without_operator(&space.cluster, async {
        assert!(world.processes(OPERATOR).is_empty());
        objects::write(&space, others).await
    });
    written.await.expect("written, and the operator is back");
    objects::asleep(&space, others).await.expect("asleep");
    // Longer than a window, and than a start that was begun would take to show.
    tokio::time::sleep(Duration::from_mins(2)).await;
    objects::asleep(&space, others).await.expect("still asleep");
    let started =
        |world: &World| world.journal().text().lines().filter(|line| line.contains("start of asleep-")).count();
    assert_eq!(started(&world), 0);
    // The look tells one that is not there, too.
    let error = objects::asleep(&space, first).await.expect_err("never written");
    assert!(error.to_string().contains("such as asleep-0"), "{error:#}");
    // And it sleeps as any other: a request wakes it.
    let world = Arc::new(world);
    let mut clients = Clients::new(Arc::clone(&world));
    clients.ask(&others[0]);
    clients.done().await;
    assert_eq!((clients.count(|end| *end == Outcome::Answered), started(&world)), (1, 1));
}
