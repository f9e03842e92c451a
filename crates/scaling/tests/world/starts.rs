//! How a revision wakes and starts.

use std::time::Duration;

use scaling::{Input, Reason, Scaler, Spec};

use crate::{BASE, World, tens};

#[test]
fn demand_wakes_at_once_and_one_request_needs_one_pod() {
    let mut world = World::new(Spec::default());
    world.second += 1;
    let decision = world.pass(1).expect("woken between ticks");
    assert_eq!((decision.desired, decision.reason), (1, Reason::Demand));
    assert!(world.run(40, 1).iter().all(|desired| *desired == 1));
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
fn a_first_version_is_held_until_ready() {
    let mut world = World { initial: true, start_s: 300, ..World::new(Spec::default()) };
    assert!(world.run(300, 0).iter().all(|desired| *desired == 1), "longer than window and grace");
    world.run(2, 0);
    assert_eq!(world.ready, 1);
    assert_eq!(world.run(95, 0).last(), Some(&0), "afterwards the ordinary rules apply");
}

#[test]
fn a_first_version_is_held_until_the_cluster_has_seen_it_ready() {
    let spec = Spec { window_s: 6, zero_grace: Duration::ZERO, ..Spec::default() };
    let mut scaler = Scaler::new(spec);
    let begun = Input { desired_now: 1, routed: true, initial: true, settled: true, ..Input::default() };
    let mut decide = |second: u64, input: Input| {
        for measured in second - 2..second {
            scaler.observe(measured, 0.0);
        }
        scaler.decide(Duration::from_secs(second), input)
    };
    assert_eq!(decide(1_000, begun).desired, 1);
    let ready = Input { ready: 1, reporting: 1, ..begun };
    for second in (1_002..1_050).step_by(2) {
        let decision = decide(second, ready);
        assert_eq!((decision.desired, decision.reason), (1, Reason::Starting), "its pod says so, the cluster does not");
    }
    let seen = Input { initial: false, ..ready };
    assert_eq!(decide(1_050, seen).desired, 0, "nobody asked for a whole window");
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

#[test]
fn initial_pods_are_kept_until_as_many_are_ready() {
    let spec = Spec { initial: 3, ..Spec::default() };
    let mut world = World { initial: true, routed: false, start_s: 100, ..World::new(spec) };
    assert!(world.run(95, 0).iter().all(|desired| *desired == 3), "longer than window and grace");
    // One comes early; the revision has had a ready pod now.
    world.starting[0] = world.second;
    assert!(world.run(4, 0).iter().all(|desired| *desired == 3));
    assert_eq!((world.ready, world.initial), (1, false));
    world.run(2, 0);
    assert_eq!(world.ready, 3);
    assert_eq!(world.run(100, 0).last(), Some(&0), "afterwards the ordinary rules apply");
}

#[test]
fn initial_pods_are_not_more_than_the_maximum_and_not_waited_for_beyond_the_deadline() {
    let spec = Spec { initial: 30, max: 4, progress_deadline: Duration::from_secs(100), ..Spec::default() };
    let mut world = World { initial: true, start_s: 10, ..World::new(spec) };
    assert_eq!(world.run(12, 0).last(), Some(&4));
    assert_eq!(world.run(100, 0).last(), Some(&0), "four were enough");
    let mut world = World { initial: true, start_s: u64::MAX / 2, ..World::new(spec) };
    assert_eq!(world.run(98, 0).last(), Some(&4));
    world.starting[0] = world.second;
    world.run(4, 0);
    assert!(world.desired < 4, "one was ready, the others were not");
}

#[test]
fn nothing_initial_waits_for_demand() {
    let mut world = World { initial: true, ..World::new(Spec { initial: 0, ..Spec::default() }) };
    assert!(world.run(50, 0).iter().all(|desired| *desired == 0));
    assert_eq!(world.run(1, 1), [1]);
}

#[test]
fn a_wake_during_the_first_start_takes_nothing_back() {
    let mut world = World { initial: true, ..World::new(Spec { initial: 3, ..Spec::default() }) };
    world.second += 1;
    let woken = world.pass(1).expect("woken");
    assert_eq!(woken.desired, 3);
}

#[test]
fn a_wake_starts_the_activation_scale_and_only_zero_falls_below_it() {
    let mut world = World::new(Spec { activation: 3, window_s: 10, ..tens() });
    assert_eq!(world.run(1, 1), [3]);
    assert!(world.run(60, 1).iter().all(|desired| *desired == 3));
    assert_eq!(world.run(100, 0).last(), Some(&0));
}
