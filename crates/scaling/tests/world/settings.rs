//! What each setting does to a revision.

use std::time::Duration;

use scaling::{Aggregation, Input, Metric, Reason, Scaler, Spec};

use crate::{BASE, World, tens};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_delay_is_held_and_the_grace_follows_it() {
    let delay = Duration::from_secs(100);
    let spec = Spec { scale_down_delay: delay, down_rate: 100.0, window_s: 10, zero_grace: SECOND * 20, ..tens() };
    let mut world = World::new(spec);
    world.run(60, 50);
    assert!(world.run(90, 0).iter().all(|desired| *desired == 5));
    let decision = world.scaler.decide(Duration::from_secs(world.second), world.input(0));
    assert_eq!((decision.reason, decision.record.delayed), (Reason::Delay, 5));
    assert!(world.run(10, 0).iter().all(|desired| *desired == 5));
    let steps = world.run(200, 0);
    let asleep = steps.iter().take_while(|desired| **desired > 0).count();
    // A pod was wanted until the window was empty, 8 s after this; then the grace.
    assert!((8 + 20..=8 + 24).contains(&asleep), "asleep {asleep} s after the delay");
}

#[test]
fn the_last_pod_goes_after_the_longer_of_grace_and_retention() {
    let asleep_after = |retention, routed| {
        let spec = Spec { zero_retention: SECOND * retention, window_s: 10, ..tens() };
        let mut world = World { routed, ..World::serving(spec, 1) };
        world.run(20, 1);
        world.run(300, 0).iter().take_while(|desired| **desired > 0).count()
    };
    assert!((40..=44).contains(&asleep_after(0, true)));
    assert!((40..=44).contains(&asleep_after(20, true)));
    assert!((110..=114).contains(&asleep_after(100, true)));
    assert!((40..=44).contains(&asleep_after(100, false)), "nobody can reach it");
}

#[test]
fn a_burst_takes_back_nothing_that_was_wanted_before() {
    let mut scaler = Scaler::new(Spec { window_s: 60, ..tens() });
    scaler.observe(BASE, 20.0);
    let input = Input { ready: 1, reporting: 1, desired_now: 6, routed: true, settled: true, ..Input::default() };
    let decision = scaler.decide(Duration::from_secs(BASE), input);
    assert_eq!((decision.record.wanted, decision.record.burst_on), (2, true));
    assert_eq!((decision.desired, decision.reason), (6, Reason::Burst));
}

#[test]
fn a_request_rate_is_divided_by_the_rate_of_a_pod() {
    let mut scaler = Scaler::new(Spec::of(Metric::RequestRate));
    (0..60).for_each(|second| scaler.observe(BASE + second, 281.0));
    let input = Input {
        ready: 3,
        reporting: 3,
        desired_now: 3,
        in_flight: 900,
        routed: true,
        settled: true,
        ..Input::default()
    };
    let decision = scaler.decide(Duration::from_secs(BASE + 60), input);
    assert_eq!((decision.desired, decision.record.per_pod.to_string().as_str()), (3, "140"));
}

#[test]
fn requests_that_run_are_no_demand_of_a_request_rate() {
    let waiting = Input { held: 141, in_flight: 900, routed: true, settled: true, ..Input::default() };
    let woken = |metric| Scaler::new(Spec { max: 0, ..Spec::of(metric) }).wake(Duration::from_secs(BASE), waiting);
    assert_eq!(woken(Metric::RequestRate).map(|decision| decision.desired), Some(2));
    assert_eq!(woken(Metric::Concurrency).map(|decision| decision.desired), Some(15));
}

#[test]
fn a_request_that_takes_long_keeps_its_pod_though_its_rate_is_zero() {
    let spec = Spec { window_s: 10, zero_grace: SECOND, ..Spec::of(Metric::RequestRate) };
    let mut scaler = Scaler::new(spec);
    let mut input = Input { ready: 1, reporting: 1, desired_now: 1, routed: true, settled: true, ..Input::default() };
    let mut run = |seconds: std::ops::Range<u64>, in_flight| {
        input.in_flight = in_flight;
        seconds
            .map(|second| {
                scaler.observe(BASE + second, 0.0);
                scaler.decide(Duration::from_secs(BASE + second), input).desired
            })
            .min()
    };
    assert_eq!(run(0..100, 1), Some(1));
    assert_eq!(run(100..120, 0), Some(0));
}

#[test]
fn a_setting_is_in_force_from_the_next_decision_and_measurements_stay() {
    let mut world = World::new(tens());
    world.run(100, 40);
    let now = |world: &World| Duration::from_secs(world.second);
    let mut set = |spec: Spec| {
        world.scaler.configure(spec, now(&world));
        world.run(2, 40);
        world.desired
    };
    assert_eq!(set(Spec { target: 5.0, ..tens() }), 8);
    assert_eq!(set(Spec { target: 5.0, max: 6, ..tens() }), 6);
    assert_eq!(set(Spec { target: 5.0, max: 6, window_s: 30, ..tens() }), 6);
    assert_eq!(set(Spec { target: 2.0, max: 30, window_s: 90, ..tens() }), 20);
    let weighted = Spec { aggregation: Aggregation::WeightedExponential, window_s: 6, max: 30, ..tens() };
    assert_eq!(set(weighted), 20, "the burst of the last change is on");
    assert_eq!(world.run(70, 40).last(), Some(&4));
}

#[test]
fn a_changed_window_looks_at_the_same_measurements() {
    let mut scaler = Scaler::new(tens());
    (0..60).for_each(|second| scaler.observe(BASE + second, if second < 50 { 0.0 } else { 60.0 }));
    let now = Duration::from_secs(BASE + 59);
    assert_eq!(scaler.averages(now).stable.to_string(), "10");
    scaler.configure(Spec { window_s: 20, burst_window_percent: 100.0, ..tens() }, now);
    assert_eq!(scaler.averages(now).stable.to_string(), "30");
    assert_eq!(scaler.averages(now).burst.to_string(), "60", "it knows no more than the six seconds it had");
}

#[test]
fn the_spec_in_force_is_what_was_given_within_its_ranges() {
    let mut scaler = Scaler::new(tens());
    assert_eq!(*scaler.spec(), tens());
    scaler.configure(Spec { window_s: 1, ..tens() }, Duration::ZERO);
    assert_eq!(*scaler.spec(), Spec { window_s: 6, ..tens() });
}

#[test]
fn a_weighted_average_does_not_fall_between_a_second_and_its_report() {
    for window_s in [6, 60, 600] {
        let mut world = World::new(Spec { aggregation: Aggregation::WeightedExponential, window_s, ..tens() });
        world.run(2 * u64::from(window_s) + 20, 37);
        assert!(world.run(100, 37).iter().all(|desired| *desired == 4), "window {window_s} s");
        // The report of the last second is late.
        let decision = world.scaler.decide(Duration::from_secs(world.second + 1), world.input(37));
        assert_eq!(decision.desired, 4, "{}", decision.record);
        let decision = world.scaler.decide(Duration::from_secs(world.second + 2), world.input(37));
        assert!(decision.desired < 4, "that is silence: {}", decision.record);
    }
}

#[test]
fn what_is_no_measurement_changes_nothing() {
    let mut scaler = Scaler::new(tens());
    (0..30).for_each(|second| scaler.observe(BASE + second, 25.0));
    let clean = scaler.clone();
    for junk in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, f64::MIN] {
        (0..40).for_each(|second| scaler.observe(BASE + second, junk));
    }
    let at = Duration::from_secs(BASE + 30);
    assert_eq!(scaler.averages(at), clean.averages(at));
    scaler.observe(BASE + 30, f64::MAX);
    (31..200).for_each(|second| scaler.observe(BASE + second, 0.0));
    let average = scaler.averages(Duration::from_secs(BASE + 200));
    assert_eq!((average.stable, average.burst), (0.0, 0.0), "and too much is gone with its second");
}

/// A hundred sleeping revisions are to cost nothing: no ring, no delay.
#[test]
fn a_sleeping_revision_takes_less_than_500_bytes() {
    let spec = Spec { window_s: 3600, zero_grace: Duration::ZERO, max: 0, ..tens() };
    let mut world = World::new(spec);
    for scale_down_delay in [Duration::ZERO, SECOND * 60] {
        world.scaler.configure(Spec { scale_down_delay, ..spec }, Duration::from_secs(world.second));
        for load in [300, 10, 200, 5] {
            world.run(20, load);
        }
        assert!(world.scaler.heap_bytes() > 3600 * 8, "awake it has its windows");
        world.run(4000, 0);
        assert_eq!(world.desired, 0);
        assert_eq!(world.scaler.heap_bytes(), 0);
    }
    assert!(size_of::<Scaler>() <= 408, "{}", size_of::<Scaler>());
    world.run(1, 1);
    world.scaler.observe(world.second, 0.0);
    let windows = 3600 * 8 + 360 * 8;
    assert!((windows + 1..windows + 500).contains(&world.scaler.heap_bytes()), "and again when it is woken");
}
