//! A revision that scales by what its pods use.

use std::time::Duration;

use proptest::prelude::*;
use scaling::{Input, Metric, Reason, Scaler, Spec, Usage};

use crate::{BASE, World};

/// Half of what is requested is aimed at, without a delay.
fn cpu() -> Spec {
    Spec { target: 50.0, scale_down_delay: Duration::ZERO, ..Spec::of(Metric::Cpu) }
}

fn with(pods: u32) -> Input {
    Input { ready: pods, reporting: pods, desired_now: pods, routed: true, settled: true, ..Input::default() }
}

fn at(second: u64) -> Duration {
    Duration::from_secs(BASE + second)
}

fn all(percent: u32, pods: u32) -> Usage {
    Usage { percent, measured: pods, ..Usage::default() }
}

/// The record of a tick of `pods` pods after this reading.
fn told(spec: Spec, pods: u32, usage: Option<Usage>) -> String {
    let mut scaler = Scaler::new(spec);
    scaler.observe_usage(at(0), usage);
    scaler.decide(at(0), with(pods)).record.to_string()
}

#[test]
fn a_use_over_the_target_is_told_and_followed_within_the_bounds() {
    let spec = Spec { target: 30.0, max: 3, ..cpu() };
    let text = "held 0, in flight 0, cpu 71 % of requests, target 30 % → wanted 3, min 1, max 3 → 3";
    assert_eq!(told(spec, 1, Some(all(71, 1))), text);
    let text =
        "held 0, in flight 0, cpu 32 % of requests, target 30 % within the tolerance → wanted 2, min 1, max 3 → 2";
    assert_eq!(told(spec, 2, Some(all(32, 2))), text);
    let text = "cpu 900 % of requests, target 30 % → wanted 5, at most 5 at once, min 1, max 3 → 3";
    assert!(told(spec, 1, Some(all(900, 1))).ends_with(text));
    let memory = Spec { metric: Metric::Memory, max: 0, ..spec };
    let text = "memory 60 % of requests, target 30 %, of 2 of 3 ready pods → wanted 4, min 1 → 4";
    assert!(told(memory, 3, Some(Usage { missing: 1, ..all(60, 2) })).ends_with(text));
    let text = "held 0, in flight 0, cpu not known → wanted 2, min 1, max 3 → 2";
    assert_eq!(told(spec, 2, None), text);
}

#[test]
fn a_minimum_of_zero_is_one_pod() {
    let mut scaler = Scaler::new(Spec { min: 0, ..cpu() });
    assert_eq!(scaler.decide(at(0), with(0)).desired, 1, "one that was asleep when the metric was set");
    for second in (1..4000).step_by(2) {
        scaler.observe(BASE + second, 0.0);
        scaler.observe_usage(at(second), Some(all(0, 1)));
        assert_eq!(scaler.decide(at(second), with(1)).desired, 1, "second {second}");
    }
}

#[test]
fn what_cannot_start_is_given_up_until_a_request_asks_for_it_but_for_a_minimum_of_the_users() {
    let spec = Spec { progress_deadline: Duration::from_secs(100), ..cpu() };
    let never = |spec| World { start_s: u64::MAX / 2, ..World::new(spec) };
    let mut world = never(spec);
    assert!(world.run(100, 0).iter().all(|desired| *desired == 1));
    assert_eq!(world.run(10, 0).last(), Some(&0));
    assert!(world.run(500, 0).iter().all(|desired| *desired == 0), "and not tried again without demand");
    let failed = world.scaler.decide(Duration::from_secs(world.second), world.input(0));
    assert_eq!((failed.desired, failed.reason, failed.record.min), (0, Reason::Failed, 0), "{}", failed.record);
    assert_eq!(world.run(1, 1), [1], "but with it");
    assert!(world.run(90, 0).iter().all(|desired| *desired == 1), "the new start has a deadline of its own");
    assert_eq!(world.run(20, 1).last(), Some(&0), "and fails too: not at once for those that wait");
    let asked = never(Spec { min: 1, ..spec }).run(300, 0);
    assert!(asked.iter().skip(1).all(|desired| *desired == 1), "{asked:?}");
}

#[test]
fn one_that_is_not_routed_sleeps_when_nobody_asks_anything_of_it_and_wakes_at_once() {
    let mut scaler = Scaler::new(Spec { window_s: 10, zero_grace: Duration::from_secs(10), ..cpu() });
    let mut pods = 3;
    let mut live = |second: u64, requests: u32, pods: u32| {
        scaler.observe(BASE + second, f64::from(requests));
        scaler.observe_usage(at(second), Some(all(45, pods)));
        let decision = scaler.decide(at(second), Input { routed: false, in_flight: requests, ..with(pods) });
        (decision.desired, decision.reason)
    };
    assert!((0..60).all(|second| live(second, 1, 3) == (3, Reason::Load)), "it is in use");
    for second in 60..79 {
        pods = live(second, 0, pods).0;
        assert_eq!(pods, 3, "second {second}");
    }
    assert_eq!((79..90).map(|second| live(second, 0, 3)).find(|(pods, _)| *pods == 0), Some((0, Reason::Idle)));
    let woken = scaler.wake(at(90), Input { held: 700, desired_now: 0, ready: 0, ..with(0) }).expect("woken");
    assert_eq!((woken.desired, woken.reason), (1, Reason::Demand), "they do not say how much CPU they take");
    assert_eq!(woken.record.to_string(), "held 700, in flight 0 → wanted 1, min 1, max 10 → 1");
}

#[test]
fn one_that_is_not_routed_stays_while_nobody_knows_of_its_requests() {
    let mut scaler = Scaler::new(Spec { window_s: 6, zero_grace: Duration::ZERO, ..cpu() });
    for second in 0..60 {
        scaler.observe(BASE + second, 0.0);
        scaler.observe_usage(at(second), Some(all(45, 3)));
        let kept = scaler.decide(at(second), Input { routed: false, reporting: 0, ..with(3) });
        assert_eq!((kept.desired, kept.reason), (3, Reason::Unreported));
        assert!(kept.record.to_string().contains("0 of 3 ready pods report"), "{}", kept.record);
    }
}

#[test]
fn requests_that_wait_take_nothing_from_what_the_use_asks_for() {
    let mut scaler = Scaler::new(cpu());
    scaler.observe_usage(at(0), Some(Usage { starting: 1, ..all(250, 1) }));
    let decision = scaler.decide(at(0), Input { held: 3, ready: 1, ..with(2) });
    assert_eq!((decision.desired, decision.reason, decision.record.by_demand), (5, Reason::Load, 0));
}

#[test]
fn a_start_and_the_delay_are_told() {
    let mut scaler = Scaler::new(Spec { scale_down_delay: Duration::from_mins(5), ..cpu() });
    let start = scaler.decide(at(0), Input { ready: 0, ..with(1) });
    assert_eq!((start.desired, start.reason), (1, Reason::Starting));
    let text = "held 0, in flight 0, cpu not known → wanted 1, a start of 1 is in progress, min 1, max 10 → 1";
    assert_eq!(start.record.to_string(), text);
    scaler.observe_usage(at(2), Some(all(150, 1)));
    assert_eq!(scaler.decide(at(2), with(1)).desired, 3);
    scaler.observe_usage(at(17), Some(all(10, 3)));
    let delayed = scaler.decide(at(17), with(3));
    assert_eq!((delayed.desired, delayed.reason), (3, Reason::Delay));
    let text = "cpu 10 % of requests, target 50 % → wanted 3, delay holds 3, min 1, max 10 → 3";
    assert!(delayed.record.to_string().ends_with(text), "{}", delayed.record);
}

#[test]
fn the_minimum_of_a_schedule_holds_over_what_is_used() {
    let mut scaler = Scaler::new(cpu());
    scaler.observe_usage(at(0), Some(all(10, 1)));
    let raised = scaler.decide(at(0), Input { scheduled: 3, ..with(1) });
    assert_eq!((raised.desired, raised.reason), (3, Reason::Schedule));
    let text = "cpu 10 % of requests, target 50 % → wanted 1, schedule min 3, max 10 → 3";
    assert!(raised.record.to_string().ends_with(text), "{}", raised.record);
}

#[test]
fn the_activation_scale_holds_while_there_are_requests() {
    let mut scaler = Scaler::new(Spec { activation: 3, ..cpu() });
    let woken = scaler.wake(at(0), Input { held: 1, ..with(0) });
    assert_eq!(woken.map(|decision| decision.desired), Some(3));
    let mut pods = |second, requests, percent| {
        scaler.observe(BASE + second, requests);
        scaler.observe_usage(at(second), Some(all(percent, 3)));
        scaler.decide(at(second), with(3)).record
    };
    let busy = pods(1, 1.0, 10);
    assert_eq!((busy.desired, busy.activation), (3, 3), "{busy}");
    let idle = pods(100, 0.0, 10);
    assert_eq!((idle.desired, idle.activation), (1, 0), "{idle}");
}

#[test]
fn a_use_that_is_not_known_keeps_the_pods_and_says_so() {
    let mut scaler = Scaler::new(cpu());
    scaler.observe_usage(at(0), Some(all(10, 4)));
    assert_eq!(scaler.decide(at(0), with(4)).desired, 2);
    scaler.observe_usage(at(15), None);
    let kept = scaler.decide(at(15), with(4));
    assert_eq!((kept.desired, kept.reason), (4, Reason::Unreported));
    let silent = Input { reporting: 0, ..with(4) };
    scaler.observe_usage(at(30), Some(all(10, 4)));
    assert_eq!(scaler.decide(at(30), silent).desired, 2, "requests need not be known for it");
    assert_eq!(scaler.decide(at(30), Input { settled: false, ..with(4) }).reason, Reason::Settling);
}

#[test]
fn another_metric_forgets_what_was_used() {
    let mut scaler = Scaler::new(cpu());
    scaler.observe_usage(at(0), Some(all(10, 4)));
    scaler.configure(Spec { target: 60.0, ..cpu() }, at(1));
    assert_eq!(scaler.decide(at(1), with(4)).record.measured, 4, "the same metric");
    assert!(scaler.heap_bytes() > 0);
    scaler.configure(Spec { metric: Metric::Memory, ..cpu() }, at(1));
    assert_eq!(scaler.decide(at(1), with(4)).record.measured, 0);
    scaler.configure(Spec::default(), at(1));
    scaler.observe_usage(at(1), Some(all(10, 4)));
    assert_eq!(scaler.heap_bytes(), 0, "nobody asked for it");
}

fn usage() -> impl Strategy<Value = Usage> {
    let pods = || prop_oneof![0u32..6, 0u32..200, any::<u32>()];
    let percent = prop_oneof![0u32..400, any::<u32>()];
    (percent, pods(), pods(), pods()).prop_map(|(percent, measured, missing, starting)| Usage {
        percent,
        measured,
        missing,
        starting,
    })
}

proptest! {
    #[test]
    fn never_above_the_maximum_nor_below_one(
        (min, max, target) in (0u32..5, 0u32..20, 0.01f64..100_000.0),
        (up, down, delay) in (1.001f64..20.0, 1.0f64..20.0, 0u64..60),
        readings in prop::collection::vec((prop::option::of(usage()), 0u32..30), 1..20),
    ) {
        let scale_down_delay = Duration::from_secs(delay);
        let spec = Spec { min, max, target, up_rate: up, down_rate: down, scale_down_delay, ..cpu() };
        let (mut scaler, mut pods) = (Scaler::new(spec), 1);
        for (n, (usage, ready)) in (0..).zip(readings) {
            scaler.observe_usage(at(15 * n), usage);
            for tick in 0..7 {
                let decision = scaler.decide(at(15 * n + 2 * tick), Input { desired_now: pods, ..with(ready) });
                pods = decision.desired;
                prop_assert!(pods >= 1 && (max == 0 || pods <= max), "{}", decision.record);
            }
        }
    }

    /// A load of so many percent of one pod's requests, spread over those there are.
    #[test]
    fn a_steady_load_settles_within_a_tenth_of_the_target(load in 0u32..5_000, target in 20u32..200, begin in 1u32..30) {
        let spec = Spec { target: target.into(), max: 0, ..cpu() };
        let (mut scaler, mut pods) = (Scaler::new(spec), begin);
        let mut seen = Vec::new();
        for n in 0..20 {
            scaler.observe_usage(at(15 * n), Some(all(load / pods, pods)));
            pods = scaler.decide(at(15 * n), with(pods)).desired;
            seen.push(pods);
        }
        prop_assert!(seen[15..].iter().all(|later| *later == pods), "{seen:?}");
        let carried = f64::from(load / pods);
        prop_assert!(pods == 1 || carried <= 1.1 * f64::from(target) , "{carried} % in each of {pods}");
        let enough = (f64::from(load) / f64::from(target) / 0.9).ceil().max(1.0);
        prop_assert!(f64::from(pods) <= enough + 1.0, "{pods} pods where {enough} carry it");
    }

    #[test]
    fn more_use_never_means_fewer_pods(
        usage in usage(),
        more in 0u32..1000,
        target in 1.0f64..300.0,
        pods in 1u32..200,
    ) {
        let decide = |usage| {
            let mut scaler = Scaler::new(Spec { target, max: 0, ..cpu() });
            scaler.observe_usage(at(0), Some(usage));
            scaler.decide(at(0), with(pods)).desired
        };
        let higher = Usage { percent: usage.percent.saturating_add(more), ..usage };
        prop_assert!(decide(usage) <= decide(higher));
    }
}
