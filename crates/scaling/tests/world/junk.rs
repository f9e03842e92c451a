//! Nothing that is handed in makes a decision panic, leave the bounds, or move by a measurement that is none.

use std::time::Duration;

use proptest::prelude::*;
use scaling::{Aggregation, Input, Metric, Scaler, Spec, Usage};

/// Every number there is, the odd ones often.
fn number() -> impl Strategy<Value = f64> {
    use prop::num::f64::ANY;
    prop_oneof![ANY, Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::MAX), Just(0.0), -9.0..9.0]
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), (0u64..200_000).prop_map(Duration::from_millis)]
}

fn spec() -> impl Strategy<Value = Spec> {
    let kind = (0u8..4, any::<bool>(), any::<u32>());
    let scales = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    let numbers = (number(), number(), number(), number(), number(), number());
    (kind, scales, numbers, time(), time(), time(), time()).prop_map(
        |(kind, scales, numbers, delay, grace, keep, deadline)| Spec {
            metric: [Metric::Concurrency, Metric::RequestRate, Metric::Cpu, Metric::Memory][usize::from(kind.0)],
            aggregation: if kind.1 { Aggregation::Linear } else { Aggregation::WeightedExponential },
            window_s: kind.2 % 5000,
            min: scales.0,
            max: scales.1,
            activation: scales.2,
            initial: scales.3,
            target: numbers.0,
            utilization: numbers.1,
            burst_window_percent: numbers.2,
            burst_threshold_percent: numbers.3,
            up_rate: numbers.4,
            down_rate: numbers.5,
            scale_down_delay: delay,
            zero_grace: grace,
            zero_retention: keep,
            progress_deadline: deadline,
        },
    )
}

fn input() -> impl Strategy<Value = Input> {
    let pods = prop_oneof![0u32..5, Just(u32::MAX), any::<u32>()];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (pods.clone(), pods.clone(), pods.clone(), pods.clone(), pods.clone(), pods, flags).prop_map(
        |(ready, reporting, desired_now, held, in_flight, scheduled, (routed, initial, settled))| Input {
            ready,
            reporting,
            desired_now,
            held,
            in_flight,
            scheduled,
            routed,
            initial,
            settled,
        },
    )
}

fn usage() -> impl Strategy<Value = Option<Usage>> {
    let number = || prop_oneof![0u32..5, Just(u32::MAX), any::<u32>()];
    let usage = (number(), number(), number(), number()).prop_map(|(percent, measured, missing, starting)| Usage {
        percent,
        measured,
        missing,
        starting,
    });
    prop::option::of(usage)
}

fn second() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..300, 1 => Just(u64::MAX), 1 => any::<u64>()]
}

proptest! {
    #[test]
    fn nothing_panics_or_leaves_the_maximum(
        spec in spec(),
        other in spec(),
        steps in prop::collection::vec((second(), number(), time(), input(), usage()), 1..20),
    ) {
        let mut scaler = Scaler::new(spec);
        let configured = steps.len() / 2;
        for (index, (second, load, now, input, usage)) in steps.into_iter().enumerate() {
            if index == configured {
                scaler.configure(other, now);
            }
            let max = if index < configured { spec.max } else { other.max };
            scaler.observe(second, load);
            scaler.observe_usage(now, usage);
            let averages = scaler.averages(now);
            prop_assert!(averages.stable.is_finite() && averages.burst.is_finite());
            for decision in [scaler.wake(now, input), Some(scaler.decide(now, input))].into_iter().flatten() {
                prop_assert!(max == 0 || decision.desired <= max, "{}", decision.record);
                prop_assert!(!decision.record.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_measurement_that_is_none_moves_nothing(
        loads in prop::collection::vec(0.0f64..300.0, 1..80),
        junk in prop::collection::vec((0u64..80, prop_oneof![Just(f64::NAN), Just(f64::INFINITY), ..-1e-9]), 1..80),
        ready in 1u32..20,
    ) {
        let mut clean = Scaler::new(Spec { window_s: 30, max: 0, ..Spec::default() });
        for (second, load) in (0..).zip(&loads) {
            clean.observe(second, *load);
        }
        let mut fed = clean.clone();
        for (second, junk) in junk {
            fed.observe(second, junk);
        }
        let now = Duration::from_secs(loads.len() as u64);
        let input =
            Input { ready, reporting: ready, desired_now: ready, routed: true, settled: true, ..Input::default() };
        prop_assert_eq!(clean.decide(now, input), fed.decide(now, input));
    }
}
