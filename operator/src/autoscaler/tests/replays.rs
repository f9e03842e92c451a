//! What is said again changes nothing; what another process says is new.

use proptest::prelude::*;

use super::*;

/// Rounded, for sums of the same numbers in another order.
fn average(world: &World) -> i64 {
    (world.stable() * 1e3).round() as i64
}

/// An activator that holds `held`, and a pod with `loads`, a second each; every report is said so many times.
fn lived(loads: &[(u8, u8, usize)]) -> World {
    let mut world = World::with(Spec::default(), 1, 1);
    let (activator, pod) = (world.activator(), world.pod("p1", EPOCH));
    for ((held, load, times), second) in loads.iter().zip(1..) {
        world.now += seconds(1);
        for _ in 0..*times {
            world.say(activator, report(second, (*held).into(), &[(*held).into()]));
            world.say(pod, report(second, (*load).into(), &[(*load).into()]));
        }
    }
    world
}

proptest! {
    #[test]
    fn a_report_that_comes_twice_counts_once(loads in proptest::collection::vec((0..9u8, 0..9u8, 1..4usize), 1..90)) {
        let once: Vec<_> = loads.iter().map(|(held, load, _)| (*held, *load, 1)).collect();
        let (once, more) = (lived(&once), lived(&loads));
        prop_assert_eq!(average(&once), average(&more));
        prop_assert_eq!(once.core.held(UID), more.core.held(UID));
    }

    #[test]
    fn a_new_leader_knows_from_replays_what_the_former_knew(loads in proptest::collection::vec((0..9u8, 0..9u8), 1..200)) {
        let once: Vec<_> = loads.iter().map(|(held, load)| (*held, *load, 1)).collect();
        let former = lived(&once);
        let mut new = World::with(Spec::default(), 1, 1);
        let (activator, pod) = (new.activator(), new.pod("p1", EPOCH));
        // Each sender counts seconds of its own.
        let last = &loads[loads.len().saturating_sub(60)..];
        let (held, load): (Vec<f32>, Vec<f32>) = last.iter().map(|(held, load)| (f32::from(*held), f32::from(*load))).unzip();
        new.say(activator, report(5_000, 0, &held));
        new.say(pod, report(70, 0, &load));
        prop_assert_eq!(average(&former), average(&new));
    }
}

#[test]
fn an_activator_that_dials_again_is_not_counted_twice_and_a_new_one_is() {
    let mut world = World::with(Spec::default(), 1, 1);
    let activator = world.activator();
    world.say(activator, report(500, 10, &[10.0; 60]));
    world.core.leave(world.now, activator);
    let again = world.activator();
    world.now += seconds(1);
    world.say(again, report(501, 10, &[10.0; 60]));
    assert_eq!(average(&world), 10_000);

    let other = world.core.join_activator(EPOCH + 1, "activator-0".into());
    world.settle();
    assert_eq!(world.closed, [again], "a name has one stream");
    assert_eq!(world.core.held(UID), 0, "what the former process held went with it");
    world.now += seconds(1);
    world.say(other, report(3, 0, &[5.0; 3]));
    assert!(average(&world) > 10_000, "a new process has other seconds");
}

#[test]
fn what_a_replaced_stream_still_says_is_not_heard() {
    let mut world = World::with(Spec::default(), 1, 1);
    let (former, activator) = (world.pod("p1", EPOCH), world.activator());
    let pod = world.pod("p1", EPOCH);
    world.say(pod, report(10, 1, &[1.0]));
    world.say(former, report(10, 99, &[99.0; 10]));
    world.say(former, Up::Ready);
    let again = world.activator();
    world.say(again, demand(2));
    world.say(activator, demand(99));
    world.core.leave(world.now, activator);
    assert_eq!(world.core.held(UID), 2);
    assert!(world.stable() < 2.0, "{}", world.stable());
    assert!(!world.told().contains(&up("p1")));
}
