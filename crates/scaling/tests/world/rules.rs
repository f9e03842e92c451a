//! One revision over time: the rules that are not Knative's.

use std::time::Duration;

use crate::{BASE, World};
use scaling::{Input, Reason, Scaler, Spec};

#[test]
fn demand_wakes_at_once_and_one_request_needs_one_pod() {
    let mut world = World::new(Spec::default());
    world.second += 1;
    let decision = world.pass(1).expect("woken between ticks");
    assert_eq!((decision.desired, decision.reason), (1, Reason::Demand));
    assert!(world.run(40, 1).iter().all(|desired| *desired == 1));
}

#[test]
fn an_idle_revision_sleeps_after_the_window_and_the_grace() {
    let mut world = World::serving(Spec::default(), 1);
    world.run(30, 1);
    let idle_from = world.second;
    let seconds = world.run(200, 0).iter().take_while(|desired| **desired > 0).count() as u64;
    assert!((90..=94).contains(&seconds), "asleep {seconds} s after the last request at {idle_from}");
    assert!(world.run(100, 0).iter().all(|desired| *desired == 0));
    assert_eq!(world.pass(0).map(|decision| decision.reason), Some(Reason::Asleep));
}

/// The pods of the last sleep have reported zeros up to now, and the second of the new demand is not over yet.
#[test]
fn a_wake_right_after_sleep_is_not_taken_back_at_the_next_tick() {
    let mut scaler = Scaler::new(Spec { window_s: 6, zero_grace: Duration::ZERO, ..Spec::default() });
    for second in 1000..1010 {
        scaler.observe(second, 0.0);
    }
    let at = |ms: u64| Duration::from_millis(1_009_000 + ms);
    let asleep = Input { routed: true, settled: true, ..Input::default() };
    assert_eq!(scaler.decide(at(0), asleep).desired, 0);
    let woken = scaler.wake(at(300), Input { held: 1, ..asleep });
    assert_eq!(woken.map(|decision| decision.desired), Some(1));
    let answered = Input { ready: 1, reporting: 1, desired_now: 1, ..asleep };
    for (ms, desired) in [(950, 1), (2_950, 1), (4_950, 1), (6_950, 0)] {
        scaler.observe(1_009 + ms / 1000, 0.0);
        assert_eq!(scaler.decide(at(ms), answered).desired, desired, "{ms} ms");
    }
}

#[test]
fn a_request_during_the_grace_starts_over() {
    let mut world = World::serving(Spec::default(), 1);
    world.run(30, 1);
    world.run(80, 0);
    world.run(1, 1);
    assert!(world.run(89, 0).iter().all(|desired| *desired == 1));
    assert_eq!(world.run(5, 0).last(), Some(&0));
}

#[test]
fn a_minimum_keeps_a_routed_revision_up_only() {
    let mut world = World::serving(Spec { min: 2, ..Spec::default() }, 4);
    assert_eq!(world.run(200, 0).last(), Some(&2));
    world.routed = false;
    assert_eq!(world.run(200, 0).last(), Some(&0));
    world.routed = true;
    assert_eq!(world.run(2, 0).last(), Some(&2));
}

#[test]
fn a_revision_out_of_traffic_keeps_its_pods_until_idle_and_then_goes_in_one_step() {
    let mut world = World::serving(Spec::default(), 8);
    world.routed = false;
    let mut steps = world.run(200, 0);
    steps.dedup();
    assert_eq!(steps, [8, 0]);
}

#[test]
fn silence_from_ready_pods_keeps_them() {
    let mut world = World::serving(Spec::default(), 4);
    world.run(30, 250);
    world.reporting = false;
    assert!(world.run(300, 0).iter().all(|desired| *desired == 4));
    let decision = world.scaler.decide(Duration::from_secs(world.second), world.input(0));
    assert_eq!(decision.reason, Reason::Unreported);
    assert!(decision.record.to_string().contains("0 of 4 ready pods report"), "{}", decision.record);
}

#[test]
fn nothing_is_scaled_in_before_the_view_is_whole() {
    let mut scaler = Scaler::new(Spec::default());
    let mut input = World::serving(Spec::default(), 6).input(0);
    scaler.observe(BASE, 0.0);
    input.settled = false;
    let at = Duration::from_secs(BASE + 2);
    assert_eq!((scaler.decide(at, input).desired, scaler.decide(at, input).reason), (6, Reason::Settling));
    input.settled = true;
    assert_eq!(scaler.decide(at, input).desired, 3);
}

#[test]
fn a_first_version_is_held_until_ready() {
    let mut world = World { initial: true, start_s: 300, ..World::new(Spec::default()) };
    assert!(world.run(300, 0).iter().all(|desired| *desired == 1), "longer than window and grace");
    world.run(2, 0);
    assert_eq!(world.ready, 1);
    assert_eq!(world.run(95, 0).last(), Some(&0), "afterwards the ordinary rules apply");
}

#[test]
fn a_first_version_that_never_gets_ready_is_given_up_at_the_deadline() {
    let spec = Spec { progress_deadline: Duration::from_secs(100), ..Spec::default() };
    let mut world = World { initial: true, start_s: u64::MAX / 2, ..World::new(spec) };
    assert!(world.run(100, 0).iter().all(|desired| *desired == 1));
    assert_eq!(world.run(40, 0).last(), Some(&0));
    assert!(world.run(500, 0).iter().all(|desired| *desired == 0), "and not tried again without demand");
    assert_eq!(world.run(1, 1).last(), Some(&1), "but with it");
    assert!(world.run(90, 0).iter().all(|desired| *desired == 1), "the new start has a deadline of its own");
}

#[test]
fn a_new_version_starts_with_its_minimum_though_nothing_is_routed_yet() {
    let mut world = World { initial: true, routed: false, ..World::new(Spec { min: 3, ..Spec::default() }) };
    assert!(world.run(90, 0).iter().all(|desired| *desired == 3), "time enough to be routed");
}

#[test]
fn more_demand_while_waking_only_raises() {
    let mut world = World { start_s: 20, ..World::new(Spec { target: 10.0, utilization: 1.0, ..Spec::default() }) };
    assert_eq!(world.run(1, 37), [4]);
    assert_eq!(world.run(4, 55).last(), Some(&6));
    assert!(world.run(10, 1).iter().all(|desired| *desired == 6));
}
