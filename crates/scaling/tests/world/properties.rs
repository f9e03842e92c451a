//! What holds for any load.

use std::time::Duration;

use crate::World;
use proptest::prelude::*;
use scaling::Spec;

fn spec() -> impl Strategy<Value = Spec> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn bounds_hold_at_every_second(
        spec in spec(),
        phases in prop::collection::vec((0u32..300, 1u64..100, any::<bool>()), 1..6),
        start_s in 0u64..20,
    ) {
        let mut world = World { start_s, ..World::new(spec) };
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
    fn steady_load_does_not_oscillate(spec in spec(), load in 1u32..300, start_s in 0u64..10) {
        let mut world = World { start_s, ..World::new(spec) };
        world.run(3 * u64::from(spec.window_s) + 60, load);
        let settled = world.desired;
        prop_assert!(world.run(300, load).iter().all(|desired| *desired == settled));
        let enough = (f64::from(load) / spec.per_pod()).ceil();
        let bounded = scaling::bounded(enough as u32, &spec, true).0;
        prop_assert_eq!(settled, bounded);
    }

    #[test]
    fn more_load_never_means_fewer_pods(
        spec in spec(),
        past in prop::collection::vec(0u32..100, 0..80),
        less in 0u32..200,
        more in 0u32..200,
        ready in 0u32..20,
    ) {
        let mut low = World::serving(spec, ready);
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
    fn a_burst_never_scales_in(spec in spec(), loads in prop::collection::vec(0u32..300, 10..120)) {
        let mut world = World::new(spec);
        let mut before = 0;
        for load in loads {
            if let Some(decision) = world.pass(load) {
                prop_assert!(!decision.record.burst_on || decision.desired >= before, "{}", decision.record);
                before = decision.desired;
            }
        }
    }

    #[test]
    fn zero_only_after_the_window_and_the_grace(
        spec in spec().prop_map(|spec| Spec { min: 0, ..spec }),
        loads in prop::collection::vec((0u32..30, 1u64..150), 1..6),
    ) {
        let mut world = World::new(spec);
        let mut quiet_for = 0;
        for (load, seconds) in loads {
            for _ in 0..seconds {
                let awake = world.desired > 0;
                world.pass(load);
                if load > 0 {
                    quiet_for = 0;
                    prop_assert!(world.desired > 0);
                } else if awake && world.desired == 0 {
                    let least = u64::from(spec.window_s) + spec.zero_grace.as_secs();
                    prop_assert!(quiet_for + 1 >= least, "asleep after {quiet_for} s instead of {least}");
                }
                if load == 0 {
                    quiet_for += 1;
                }
            }
        }
    }
}
