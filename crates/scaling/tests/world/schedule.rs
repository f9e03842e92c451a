//! A minimum that comes and goes.

use scaling::{Reason, Spec};

use crate::{World, tens};

#[test]
fn what_sleeps_gets_the_pods_of_a_schedule_and_sleeps_again_when_it_ends() {
    let mut world = World::new(tens());
    world.run(10, 0);
    assert_eq!(world.desired, 0);
    world.scheduled = 3;
    let decision = world.pass(0).expect("a tick");
    assert_eq!((decision.desired, decision.reason), (3, Reason::Schedule));
    assert!(
        decision.record.to_string().ends_with("wanted 0 (0/10), schedule min 3, max 10 → 3"),
        "{}",
        decision.record
    );
    assert!(world.run(600, 0).iter().all(|desired| *desired == 3), "however long nobody calls");
    world.scheduled = 0;
    let after = world.run(20, 0);
    assert_eq!(after.last(), Some(&0), "{after:?}");
}

#[test]
fn load_asks_for_more_than_a_schedule_and_falls_back_to_it() {
    let mut world = World { scheduled: 2, ..World::new(tens()) };
    assert_eq!(world.run(80, 45).last(), Some(&5));
    assert_eq!(world.run(200, 0).last(), Some(&2));
}

#[test]
fn the_higher_minimum_holds_and_the_maximum_above_both() {
    let desired = |min, max, scheduled| {
        let mut world = World { scheduled, ..World::new(Spec { min, max, ..tens() }) };
        let decision = world.pass(0).expect("a tick");
        (decision.desired, decision.reason)
    };
    assert_eq!(desired(2, 10, 1), (2, Reason::Minimum));
    assert_eq!(desired(2, 10, 2), (2, Reason::Minimum));
    assert_eq!(desired(2, 10, 3), (3, Reason::Schedule));
    assert_eq!(desired(2, 4, 6), (4, Reason::Maximum));
}

#[test]
fn nobody_can_reach_a_revision_that_is_not_routed_so_it_gets_none() {
    let mut world = World { scheduled: 3, routed: false, ..World::new(tens()) };
    let decision = world.pass(0).expect("a tick");
    assert_eq!((decision.desired, decision.reason, decision.record.min), (0, Reason::Asleep, 0));
}

#[test]
fn a_first_version_begins_with_the_pods_of_a_schedule() {
    let mut world = World { scheduled: 3, initial: true, routed: false, start_s: 30, ..World::new(tens()) };
    world.pass(0);
    assert_eq!(world.desired, 3, "else there would be fewer when traffic comes to it");
}

#[test]
fn demand_between_ticks_gets_the_pods_of_a_schedule_too() {
    let mut world = World { scheduled: 4, ..World::new(tens()) };
    world.second += 1;
    let decision = world.pass(1).expect("woken between ticks");
    assert_eq!((decision.desired, decision.reason), (4, Reason::Demand));
}
