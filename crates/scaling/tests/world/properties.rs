//! What holds for any load and any settings.

use std::time::Duration;

use proptest::prelude::*;
use scaling::{Aggregation, Spec};

use crate::World;

/// Bounds, target, window and grace; the rest is at its default.
fn plain() -> impl Strategy<Value = Spec> {
    (0u32..4, 0u32..20, 1.0f64..50.0, 0.1f64..=1.0, 6u32..90, 0u64..60).prop_map(
        |(min, more, target, utilization, window_s, grace)| Spec {
            min,
            max: if more == 0 { 0 } else { min + more },
            target,
            utilization,
            window_s,
            zero_grace: Duration::from_secs(grace),
            ..Spec::default()
        },
    )
}

/// Every setting.
fn any_spec() -> impl Strategy<Value = Spec> {
    let burst = (1.0f64..=100.0, 110.0f64..=1000.0);
    let rates = (1.001f64..20.0, 1.0f64..20.0);
    let scales = (0u32..6, 0u32..6);
    let times = (0u64..20, 0u64..60);
    (plain(), any::<bool>(), burst, rates, scales, times).prop_map(|(plain, weighted, burst, rates, scales, times)| {
        Spec {
            aggregation: if weighted { Aggregation::WeightedExponential } else { Aggregation::Linear },
            burst_window_percent: burst.0,
            burst_threshold_percent: burst.1,
            up_rate: rates.0,
            down_rate: rates.1,
            activation: scales.0,
            initial: scales.1,
            scale_down_delay: Duration::from_secs(times.0),
            zero_retention: Duration::from_secs(times.1),
            ..plain
        }
    })
}

proptest! {
    #[test]
    fn bounds_hold_at_every_second(
        spec in any_spec(),
        phases in prop::collection::vec((0u32..300, 1u64..100, any::<bool>()), 1..6),
        start_s in 0u64..20,
        initial in any::<bool>(),
    ) {
        let mut world = World { start_s, initial, ..World::new(spec) };
        for (load, seconds, routed) in phases {
            world.routed = routed;
            for _ in 0..seconds {
                if let Some(decision) = world.pass(load) {
                    prop_assert!(spec.max == 0 || decision.desired <= spec.max, "{}", decision.record);
                    prop_assert!(!routed || decision.desired >= spec.min, "{}", decision.record);
                }
            }
        }
    }

    #[test]
    fn steady_load_settles_within_two_windows_at_what_carries_it(
        spec in plain(), load in 1u32..300, start_s in 0u64..10,
    ) {
        let mut world = World { start_s, ..World::new(spec) };
        world.run(2 * u64::from(spec.window_s) + start_s, load);
        let settled = world.desired;
        prop_assert!(world.run(300, load).iter().all(|desired| *desired == settled));
        let enough = (f64::from(load) / spec.per_pod()).ceil();
        prop_assert_eq!(settled, scaling::bounded(enough as u32, &spec, true).0);
    }

    #[test]
    fn steady_load_does_not_oscillate(spec in any_spec(), load in 1u32..300, start_s in 0u64..10) {
        let mut world = World { start_s, ..World::new(spec) };
        // Growth by the up rate, and a delay for each step that the down rate allows.
        world.run(3 * u64::from(spec.window_s) + 8 * spec.scale_down_delay.as_secs() + 600 * (start_s + 2), load);
        let settled = world.desired;
        prop_assert!(world.run(300, load).iter().all(|desired| *desired == settled));
        if spec.aggregation == Aggregation::Linear {
            let enough = (f64::from(load) / spec.per_pod()).ceil() as u32;
            let enough = scaling::bounded(enough.max(spec.activation), &spec, true).0;
            prop_assert!(settled >= enough, "{settled} pods instead of {enough}");
        }
    }

    #[test]
    fn more_load_never_means_fewer_pods(
        spec in any_spec(),
        past in prop::collection::vec(0u32..100, 0..80),
        less in 0u32..200,
        more in 0u32..200,
        ready in 0u32..20,
        routed in any::<bool>(),
    ) {
        let mut low = World { routed, ..World::serving(spec, ready) };
        for load in past {
            low.scaler.observe(low.second, f64::from(load));
            low.second += 1;
        }
        let mut high = low.scaler.clone();
        low.scaler.observe(low.second, f64::from(less));
        high.observe(low.second, f64::from(less + more));
        let at = Duration::from_secs(low.second);
        let fewer = low.scaler.decide(at, low.input(less));
        let pods = high.decide(at, low.input(less + more));
        prop_assert!(fewer.desired <= pods.desired, "{} | {}", fewer.record, pods.record);
    }

    #[test]
    fn a_burst_never_scales_in(
        spec in any_spec(),
        loads in prop::collection::vec((0u32..300, 1u32..20), 5..40),
        start_s in 0u64..20,
    ) {
        let mut world = World { start_s, ..World::new(spec) };
        for (load, seconds) in loads {
            for _ in 0..seconds {
                let before = world.desired;
                if let Some(decision) = world.pass(load) {
                    prop_assert!(!decision.record.burst_on || decision.desired >= before, "{}", decision.record);
                }
            }
        }
    }

    #[test]
    fn zero_only_after_the_window_and_the_longer_of_grace_and_retention(
        spec in any_spec().prop_map(|spec| Spec { min: 0, ..spec }),
        loads in prop::collection::vec((0u32..30, 1u64..150), 1..6),
        routed in any::<bool>(),
    ) {
        let mut world = World { routed, ..World::new(spec) };
        let retention = if routed { spec.zero_retention } else { Duration::ZERO };
        let least = u64::from(spec.window_s) + spec.zero_grace.max(retention).as_secs();
        let mut quiet_for = 0;
        for (load, seconds) in loads {
            for _ in 0..seconds {
                let awake = world.desired > 0;
                world.pass(load);
                if load > 0 {
                    quiet_for = 0;
                    prop_assert!(world.desired > 0);
                } else if awake && world.desired == 0 {
                    prop_assert!(quiet_for + 1 >= least, "asleep after {quiet_for} s instead of {least}");
                }
                if load == 0 {
                    quiet_for += 1;
                }
            }
        }
    }
}
