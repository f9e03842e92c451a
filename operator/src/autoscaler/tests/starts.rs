//! How revisions start, and apps that do not.

use super::*;

const DEADLINE_S: u64 = 100;

fn spec() -> Spec {
    Spec { progress_deadline: seconds(DEADLINE_S), ..Spec::default() }
}

/// Seconds in which `held` requests wait at the activator; returns how long pods were asked for.
fn wait(world: &mut World, activator: PeerId, held: u32, passing: u64) -> u64 {
    let mut asked = 0;
    for _ in 0..passing {
        world.now += seconds(1);
        let second = world.now.as_secs();
        world.say(activator, report(second, held, &[held as f32]));
        world.tick();
        let desired = world.desired();
        world.core.set_replicas(world.now, UID, desired, 0);
        asked += u64::from(desired > 0);
    }
    asked
}

fn last(world: &World) -> (Reason, String) {
    let entry = world.core.revisions[UID].journal.newest().next().expect("decided").record;
    (entry.reason, entry.to_string())
}

#[test]
fn what_does_not_start_is_asked_for_no_more_though_requests_wait() {
    let mut world = World::with(spec(), 0, 0);
    let activator = world.activator();
    assert_eq!(wait(&mut world, activator, 3, DEADLINE_S - 1), DEADLINE_S - 1);
    world.told();
    assert_eq!(wait(&mut world, activator, 3, 9), 1);
    assert_eq!(world.writes, [1, 0]);
    assert_eq!(world.told(), [desired(0)], "activators know it");
    let (reason, text) = last(&world);
    assert_eq!(reason, Reason::Failed);
    assert!(text.contains("no pod was ready in time, not tried again for "), "{text}");
}

#[test]
fn it_is_tried_again_for_waiting_requests_and_the_waits_double() {
    let mut world = World::with(spec(), 0, 0);
    let activator = world.activator();
    let mut waits = Vec::new();
    for _ in 0..7 {
        while wait(&mut world, activator, 1, 1) == 0 {}
        while wait(&mut world, activator, 1, 1) == 1 {}
        let mut waited = 1;
        while wait(&mut world, activator, 1, 1) == 0 {
            waited += 1;
        }
        waits.push(waited);
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn nobody_tries_again_for_requests_that_are_gone() {
    let mut world = World::with(spec(), 0, 0);
    let activator = world.activator();
    wait(&mut world, activator, 1, DEADLINE_S + 2);
    assert_eq!(wait(&mut world, activator, 1, 5), 0);
    assert_eq!(wait(&mut world, activator, 0, 1000), 0, "what was held is still in the window");
    assert_eq!(last(&world).0, Reason::Failed, "people see why");
    assert!(last(&world).1.contains("tried again with the next request"), "{}", last(&world).1);
    world.say(activator, demand(1));
    assert_eq!(world.writes, [1, 0, 1], "at once, for the wait is over");
    assert_eq!(wait(&mut world, activator, 0, DEADLINE_S - 2), DEADLINE_S - 2, "it has its whole time");
    assert_eq!(wait(&mut world, activator, 1, 22), 2, "and the next wait is longer, however long nobody asked");
}

#[test]
fn a_ready_pod_makes_all_good() {
    let mut world = World::with(spec(), 0, 0);
    let activator = world.activator();
    wait(&mut world, activator, 1, 2 * DEADLINE_S + 20);
    assert_eq!(world.desired(), 0, "it failed twice");
    while wait(&mut world, activator, 1, 1) == 0 {}
    let pod = world.pod("p1", EPOCH);
    world.say(pod, Up::Ready);
    world.say(pod, report(1, 0, &[0.0]));
    world.tick();
    world.say(pod, Up::Draining);
    world.core.leave(world.now, pod);
    assert_eq!(wait(&mut world, activator, 1, 3), 3);
    while wait(&mut world, activator, 1, 1) == 1 {}
    let mut waited = 1;
    while wait(&mut world, activator, 1, 1) == 0 {
        waited += 1;
    }
    assert_eq!(waited, 10, "the first failure since");
}

#[test]
fn the_minimum_stays_whether_it_starts_or_not() {
    let mut world = World::with(Spec { min: 2, ..spec() }, 2, 0);
    let activator = world.activator();
    assert_eq!(wait(&mut world, activator, 1, 3 * DEADLINE_S), 3 * DEADLINE_S);
    assert_eq!(world.desired(), 2);
}

/// The first pod may be ready before the next tick, and a start without the others would be over.
#[test]
fn a_new_revision_is_given_its_initial_pods_before_the_first_is_ready() {
    let mut world = World::beginning(Spec { initial: 3, ..spec() });
    world.settle();
    assert_eq!(world.writes, [3], "without a tick");
    assert!(last(&world).1.contains("a start of 3 is in progress"), "{}", last(&world).1);
    world.core.set_replicas(world.now, UID, 3, 1);
    world.now += seconds(2);
    world.tick();
    assert_eq!(world.desired(), 3, "two of them are not ready yet");
}

#[test]
fn a_revision_that_begins_with_one_pod_needs_no_write() {
    let mut world = World::beginning(spec());
    world.settle();
    assert!(world.writes.is_empty(), "{:?}", world.writes);
}
