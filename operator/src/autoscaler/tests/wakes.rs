//! Wakes by hand: as one request, and no more than that.

use super::*;

const WINDOW_S: u64 = 60;
const GRACE_S: u64 = 30;

fn spec(metric: scaling::Metric) -> Spec {
    Spec { zero_grace: seconds(GRACE_S), ..Spec::of(metric) }
}

/// Seconds until it sleeps again, with a pod that is ready at once and reports that it does nothing.
fn awake_for(world: &mut World) -> u64 {
    let pod = world.pod("p1", EPOCH);
    world.say(pod, Up::Ready);
    for passed in 1..=2 * (WINDOW_S + GRACE_S) {
        world.now += seconds(1);
        world.say(pod, report(world.now.as_secs(), 0, &[0.0]));
        world.core.set_replicas(world.now, UID, 1, 1);
        if passed % 2 == 0 {
            world.tick();
        }
        if world.desired() == 0 {
            return passed;
        }
    }
    panic!("it stays awake");
}

#[test]
fn a_sleeping_revision_wakes_and_sleeps_again_after_window_and_grace_whatever_it_scales_by() {
    for metric in [scaling::Metric::Concurrency, scaling::Metric::RequestRate] {
        let mut world = World::with(spec(metric), 0, 0);
        assert_eq!(world.core.wake(world.now, UID), Some(1));
        world.settle();
        assert_eq!(world.writes, [1], "{metric:?}");
        let awake = awake_for(&mut world);
        assert!((WINDOW_S + GRACE_S..=WINDOW_S + GRACE_S + 5).contains(&awake), "{metric:?}: {awake}");
        assert_eq!(world.writes, [1, 0], "{metric:?}");
    }
}

#[test]
fn an_awake_one_stays_as_it_is_and_counts_one_request() {
    let mut world = World::with(spec(scaling::Metric::Concurrency), 3, 3);
    assert_eq!(world.core.wake(world.now, UID), Some(3));
    world.settle();
    assert_eq!(world.writes, Vec::<u32>::new());
    world.now += seconds(1);
    assert!(world.stable() > 0.0, "{}", world.stable());
}

#[test]
fn a_revision_that_is_unknown_or_without_a_deployment_is_not_woken() {
    let mut world = World::new();
    assert_eq!(world.core.wake(world.now, UID), None);
    world.upsert(spec(scaling::Metric::Concurrency));
    assert_eq!(world.core.wake(world.now, UID), None);
    world.core.set_replicas(world.now, UID, 0, 0);
    assert_eq!(world.core.wake(world.now, UID), Some(1));
}

#[test]
fn one_whose_start_has_failed_is_left_alone_while_its_pause_lasts() {
    let deadline = seconds(100);
    let mut world = World::with(Spec { progress_deadline: deadline, ..spec(scaling::Metric::Concurrency) }, 0, 0);
    assert_eq!(world.core.wake(world.now, UID), Some(1));
    world.settle();
    while world.writes.last() == Some(&1) {
        world.now += seconds(2);
        world.core.set_replicas(world.now, UID, 1, 0);
        world.tick();
    }
    assert_eq!(world.core.wake(world.now, UID), Some(0), "no pod was ready in time");
    world.now += seconds(11);
    assert_eq!(world.core.wake(world.now, UID), Some(1), "the pause is over");
}
