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
fn a_start_grows_with_the_demand() {
    let spec = Spec { target: 10.0, utilization: 1.0, burst_threshold_percent: 1000.0, ..Spec::default() };
    let mut world = World { start_s: 60, ..World::new(spec) };
    assert_eq!(world.run(1, 5), [1]);
    assert_eq!(world.run(1, 37), [4]);
    assert!(world.run(50, 1).iter().all(|desired| *desired == 4), "no burst holds it");
}

#[test]
fn a_start_has_a_deadline_of_its_own() {
    let deadline = Duration::from_secs(100);
    let spec =
        Spec { window_s: 6, zero_grace: Duration::ZERO, initial: 0, progress_deadline: deadline, ..Spec::default() };
    let mut world = World { initial: true, start_s: u64::MAX / 2, ..World::new(spec) };
    // Once after a long sleep, once after a start that was given up.
    for asleep in [90, 10] {
        assert_eq!(world.run(asleep, 0).last(), Some(&0));
        assert_eq!(world.run(1, 1), [1]);
        let steps = world.run(150, 0);
        let given_up_after = steps.iter().take_while(|desired| **desired == 1).count();
        assert!((98..=102).contains(&given_up_after), "{given_up_after} s");
    }
}

#[test]
fn only_waiting_requests_wake_and_only_for_pods_that_are_not_there() {
    let now = Duration::from_secs(BASE);
    let wake = |ready, desired_now, held, in_flight| {
        let input = Input { ready, reporting: ready, desired_now, held, in_flight, routed: true, ..Input::default() };
        let mut scaler = Scaler::new(Spec::default());
        scaler.wake(now, input).map(|decision| decision.desired)
    };
    assert_eq!(wake(0, 1, 300, 0), Some(5));
    assert_eq!(wake(1, 2, 300, 0), Some(5));
    assert_eq!(wake(0, 1, 0, 300), None, "nothing waits");
    assert_eq!(wake(2, 2, 300, 0), None, "all are there: the tick will tell");
    assert_eq!(wake(3, 2, 300, 0), None);
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
