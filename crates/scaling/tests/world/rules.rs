//! One revision over time: the rules that are not Knative's.

use std::time::Duration;

use crate::{BASE, World};
use scaling::{Input, Reason, Scaler, Spec};

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
fn one_pod_that_does_not_report_is_enough_to_keep_all() {
    let decide = |reporting| {
        let mut scaler = Scaler::new(Spec { window_s: 10, ..Spec::default() });
        (0..20).for_each(|second| scaler.observe(BASE + second, 0.0));
        let input = Input { ready: 4, reporting, desired_now: 4, routed: true, settled: true, ..Input::default() };
        let decision = scaler.decide(Duration::from_secs(BASE + 20), input);
        (decision.desired, decision.reason)
    };
    assert_eq!(decide(3), (4, Reason::Unreported));
    assert_eq!(decide(4), (2, Reason::Load));
    assert_eq!(decide(5), (2, Reason::Load), "one that is no longer ready reports too");
}

#[test]
fn a_rule_that_changes_nothing_is_not_the_reason() {
    let decide = |ready, reporting, desired_now| {
        let mut scaler = Scaler::new(Spec::default());
        (0..20).for_each(|second| scaler.observe(BASE + second, 250.0));
        let load = Input { held: 5, in_flight: 245, routed: true, settled: true, ..Input::default() };
        let input = Input { ready, reporting, desired_now, ..load };
        let decision = scaler.decide(Duration::from_secs(BASE + 20), input);
        (decision.desired, decision.reason)
    };
    assert_eq!(decide(4, 3, 4), (4, Reason::Load), "all four are wanted anyway");
    assert_eq!(decide(4, 3, 5), (5, Reason::Unreported));
    assert_eq!(decide(1, 1, 4), (4, Reason::Burst), "what waits asks for no more");
    assert_eq!(decide(4, 4, 0), (4, Reason::Load), "pods of the last sleep have load, nothing is asleep");
}

#[test]
fn a_request_that_is_held_keeps_the_last_pod_though_the_windows_are_zero() {
    let mut scaler = Scaler::new(Spec { window_s: 10, zero_grace: Duration::ZERO, ..Spec::default() });
    let mut run = |seconds: std::ops::Range<u64>, held| {
        let input =
            Input { ready: 1, reporting: 1, desired_now: 1, held, routed: true, settled: true, ..Input::default() };
        let decide = |second| {
            scaler.observe(BASE + second, 0.0);
            scaler.decide(Duration::from_secs(BASE + second), input).desired
        };
        seconds.map(decide).min()
    };
    assert_eq!(run(0..60, 1), Some(1));
    assert_eq!(run(60..80, 0), Some(0));
}

#[test]
fn what_was_seen_at_the_moment_counts_for_a_window_and_no_longer() {
    let mut scaler = Scaler::new(Spec { window_s: 6, zero_grace: Duration::ZERO, ..Spec::default() });
    (0..30).for_each(|second| scaler.observe(BASE + second, 0.0));
    let mut decide = |ms, in_flight| {
        let input = Input {
            ready: 1,
            reporting: 1,
            desired_now: 1,
            in_flight,
            routed: true,
            settled: true,
            ..Input::default()
        };
        scaler.decide(Duration::from_millis(BASE * 1000 + ms), input).desired
    };
    assert_eq!(decide(20_500, 1), 1);
    assert_eq!(decide(26_499, 0), 1);
    assert_eq!(decide(26_500, 0), 0);
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
