//! One revision over time: pods that come `start_s` after they are wanted, a load that is spread over them, a report
//! each second, a tick every two.

use std::time::Duration;

use proptest::prelude::*;
use scaling::{Decision, Input, Reason, Scaler, Spec};

/// Hub seconds start here, so that there is room for a past.
const BASE: u64 = 100_000;

struct World {
    scaler: Scaler,
    second: u64,
    desired: u32,
    ready: u32,
    /// Seconds at which pods become ready.
    starting: Vec<u64>,
    start_s: u64,
    routed: bool,
    initial: bool,
    reporting: bool,
}

impl World {
    fn new(spec: Spec) -> Self {
        Self {
            scaler: Scaler::new(spec),
            second: BASE,
            desired: 0,
            ready: 0,
            starting: Vec::new(),
            start_s: 1,
            routed: true,
            initial: false,
            reporting: true,
        }
    }

    fn serving(spec: Spec, pods: u32) -> Self {
        Self { desired: pods, ready: pods, ..Self::new(spec) }
    }

    fn input(&self, load: u32) -> Input {
        let (held, in_flight) = if self.ready == 0 { (load, 0) } else { (0, load) };
        Input {
            ready: self.ready,
            reporting: if self.reporting { self.ready } else { 0 },
            desired_now: self.desired,
            held,
            in_flight,
            routed: self.routed,
            initial: self.initial,
            settled: true,
        }
    }

    fn apply(&mut self, desired: u32) {
        let coming = self.ready as usize + self.starting.len();
        if let Some(more) = (desired as usize).checked_sub(coming) {
            self.starting.extend(std::iter::repeat_n(self.second + self.start_s, more));
        } else {
            let fewer = coming - desired as usize;
            let cancelled = fewer.min(self.starting.len());
            self.starting.truncate(self.starting.len() - cancelled);
            self.ready -= (fewer - cancelled) as u32;
        }
        self.desired = desired;
    }

    /// One second with `load` requests at a time; the decision if one was taken.
    fn pass(&mut self, load: u32) -> Option<Decision> {
        let second = self.second;
        self.ready += self.starting.extract_if(.., |at| *at <= second).count() as u32;
        self.initial &= self.ready == 0;
        let mut taken = self.scaler.wake(Duration::from_secs(second), self.input(load));
        if let Some(decision) = taken {
            self.apply(decision.desired);
        }
        if second.is_multiple_of(2) {
            let decision = self.scaler.decide(Duration::from_secs(second), self.input(load));
            self.apply(decision.desired);
            taken = Some(decision);
        }
        if self.reporting && (self.ready > 0 || load > 0) {
            self.scaler.observe(second, f64::from(load));
        }
        self.second += 1;
        taken
    }

    fn run(&mut self, seconds: u64, load: u32) -> Vec<u32> {
        (0..seconds)
            .map(|_| {
                self.pass(load);
                self.desired
            })
            .collect()
    }
}

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

#[test]
fn the_record_is_a_sentence() {
    let mut world = World::new(Spec { target: 10.0, utilization: 1.0, ..Spec::default() });
    world.second += 1;
    let woken = world.pass(37).expect("woken").record.to_string();
    assert_eq!(woken, "held 37, in flight 0 → wanted 4 (37/10), burst on, max 10 → 4");
    world.run(10, 37);
    let tick = world.scaler.decide(Duration::from_secs(world.second), world.input(37)).record.to_string();
    assert_eq!(tick, "held 0, in flight 37, average 37 (burst window 37) → wanted 4 (37/10), burst on, max 10 → 4");
    world.run(70, 37);
    world.run(30, 0);
    let tick = world.scaler.decide(Duration::from_secs(world.second), world.input(0)).record.to_string();
    assert_eq!(tick, "held 0, in flight 0, average 18.19 (burst window 0) → wanted 2 (18.19/10), max 10 → 2");
    world.run(50, 0);
    let tick = world.scaler.decide(Duration::from_secs(world.second), world.input(0)).record.to_string();
    assert_eq!(
        tick,
        "held 0, in flight 0, average 0 (burst window 0) → wanted 0 (0/10), idle, 10 s of grace left, max 10 → 1"
    );
}

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
