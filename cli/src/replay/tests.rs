//! What holds for every run, and what a person would say of a simple one.

use proptest::prelude::*;
use scaling::Aggregation;

use super::*;

const MODEL: Model = Model { service: Duration::from_millis(100), start: Duration::from_millis(300), places: 100 };

fn seconds(counts: Vec<u32>) -> Trace {
    Trace { step_s: 1, counts }
}

fn outcome(counts: Vec<u32>, spec: Spec, model: Model) -> Outcome {
    simulation::simulate(&seconds(counts), spec, model, 1)
}

/// Falls asleep as fast as is allowed.
fn drowsy() -> Spec {
    Spec { window_s: 6, zero_grace: Duration::ZERO, ..Spec::default() }
}

#[test]
fn one_request_to_a_sleeping_app_waits_for_one_start_and_the_app_sleeps_again() {
    let one = outcome(vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], drowsy(), MODEL);
    assert_eq!((one.requests, one.cold_starts, one.wait_ms(1.0), one.peak_pods), (1, 1, 300, 1));
    assert_eq!(one.timeline.last().map(|sample| sample.pods), Some(0));
    let awake = one.timeline.iter().filter(|sample| sample.pods > 0).count() as u64;
    assert!((6..14).contains(&awake) && one.pod_seconds().abs_diff(awake) <= 1, "{awake} {}", one.pod_seconds());
}

#[test]
fn a_pod_that_is_kept_spares_the_cold_start() {
    let kept = outcome(vec![0, 0, 5, 0, 0], Spec { min: 1, ..drowsy() }, MODEL);
    assert_eq!((kept.cold_starts, kept.wait_ms(1.0), kept.peak_pods), (0, 0, 1));
    assert_eq!(kept.pod_micros, 5_000_000);
}

#[test]
fn what_comes_at_once_gets_the_pods_that_it_needs_within_one_start() {
    let spec = Spec { target: 10.0, utilization: 1.0, ..drowsy() };
    let model = Model { places: 10, service: Duration::from_secs(3), ..MODEL };
    let burst = outcome(vec![40], spec, model);
    assert_eq!(burst.peak_pods, 4);
    assert!(burst.wait_ms(1.0) < 1_300, "{}", burst.wait_ms(1.0));
}

#[test]
fn a_maximum_too_low_makes_requests_wait_and_loses_none() {
    let model = Model { places: 1, ..MODEL };
    let crowded = outcome(vec![100], Spec { max: 1, target: 1.0, ..drowsy() }, model);
    assert_eq!((crowded.peak_pods, crowded.lost()), (1, 0));
    // 100 requests of 100 ms, one at a time.
    assert!((9_000..=10_300).contains(&crowded.wait_ms(1.0)), "{}", crowded.wait_ms(1.0));
}

#[test]
fn a_rate_is_divided_among_pods() {
    let spec = Spec { target: 10.0, utilization: 1.0, ..Spec::of(Metric::RequestRate) };
    let steady = outcome(vec![35; 120], spec, Model { places: 2, ..MODEL });
    assert_eq!(steady.timeline[100].pods, 4);
}

#[test]
fn a_pod_has_room_for_the_load_that_it_is_meant_for() {
    let service = Duration::from_millis(100);
    for (spec, expected) in [
        (Spec::default(), 100),
        (Spec { target: 0.5, ..Spec::default() }, 1),
        (Spec { target: 2.5, ..Spec::default() }, 3),
        (Spec::of(Metric::RequestRate), 20),
    ] {
        assert_eq!(places(&spec, service), expected);
    }
}

#[test]
fn what_cannot_be_answered_within_the_bound_is_counted_as_lost() {
    let model = Model { service: Duration::from_hours(30), ..MODEL };
    let stuck = outcome(vec![1], drowsy(), model);
    assert_eq!((stuck.requests, stuck.lost()), (1, 1));
}

fn specs() -> impl Strategy<Value = Spec> {
    let pods = (0..4u32, 1..8u32, 0..4u32);
    (pods, 1..20u32, 0.2..=1.0, 6..40u32, 0..20u64, any::<[bool; 2]>()).prop_map(
        |((min, more, activation), target, utilization, window_s, seconds, [rate, weighted])| Spec {
            min,
            max: min + more,
            activation: activation.min(min + more),
            target: target.into(),
            utilization,
            window_s,
            zero_grace: Duration::from_secs(seconds),
            scale_down_delay: Duration::from_secs(20 - seconds),
            aggregation: if weighted { Aggregation::WeightedExponential } else { Aggregation::Linear },
            ..Spec::of(if rate { Metric::RequestRate } else { Metric::Concurrency })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_is_answered_and_pods_stay_within_their_bounds(
        counts in proptest::collection::vec(prop_oneof![3 => Just(0), 2 => 0..60u32], 1..90),
        spec in specs(), places in 1..9u32, (service, start) in (1..1500u64, 0..4000u64), seed in any::<u64>(),
    ) {
        let model = Model { service: Duration::from_millis(service), start: Duration::from_millis(start), places };
        let came = counts.iter().map(|count| u64::from(*count)).sum::<u64>();
        let trace = seconds(counts);
        let outcome = simulation::simulate(&trace, spec, model, seed);
        prop_assert_eq!((outcome.requests, outcome.lost()), (came, 0));
        prop_assert!(outcome.peak_pods <= spec.max);
        for sample in &outcome.timeline {
            prop_assert!((spec.min..=spec.max).contains(&sample.pods), "{:?}", sample);
        }
        let shown = outcome.timeline.iter().map(|sample| u64::from(sample.requests)).sum::<u64>();
        prop_assert_eq!(shown, came);
        prop_assert_eq!(&outcome, &simulation::simulate(&trace, spec, model, seed));
    }

    #[test]
    fn a_constant_load_below_the_target_of_one_pod_needs_one_pod(rate in 1..120u32, seed in any::<u64>()) {
        let outcome = simulation::simulate(&seconds(vec![rate; 200]), Spec::default(), MODEL, seed);
        prop_assert_eq!((outcome.peak_pods, outcome.lost()), (1, 0));
        prop_assert!(outcome.cold_starts < 200 && outcome.wait_ms(1.0) <= 300);
        prop_assert!(outcome.timeline.iter().all(|sample| sample.pods <= 1));
    }
}
