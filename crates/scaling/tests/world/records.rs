//! What a person is told of a decision.

use std::time::Duration;

use crate::{BASE, World, tens};
use scaling::{Input, Metric, Record, Scaler, Spec};

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

/// The record of the first tick after ten seconds of this load.
fn record(spec: Spec, load: f64, pods: u32) -> Record {
    let mut scaler = Scaler::new(spec);
    (0..10).for_each(|second| scaler.observe(BASE + second, load));
    let input =
        Input { ready: pods, reporting: pods, desired_now: pods, routed: true, settled: true, ..Input::default() };
    scaler.decide(Duration::from_secs(BASE + 9), input).record
}

#[test]
fn every_rule_that_moved_the_number_is_named() {
    let told = [
        (
            record(Spec { up_rate: 1.5, max: 0, ..tens() }, 100.0, 2),
            "wanted 3 (100/10), at most 3 at once, burst on → 3",
        ),
        (record(Spec { up_rate: 1.5, max: 0, ..tens() }, 30.0, 2), "wanted 3 (30/10) → 3"),
        (record(tens(), 10.0, 8), "wanted 4 (10/10), at least 4 at once, max 10 → 4"),
        (record(Spec { activation: 3, ..tens() }, 11.0, 2), "wanted 3 (11/10), activation 3, max 10 → 3"),
        (record(Spec { min: 2, ..tens() }, 0.0, 2), "wanted 1 (0/10), at least 1 at once, min 2, max 10 → 2"),
        (record(Spec { activation: 3, ..tens() }, 30.0, 3), "wanted 3 (30/10), max 10 → 3"),
        (record(Spec { activation: 3, ..tens() }, 0.0, 1), "wanted 0 (0/10), max 10 → 1"),
        (record(Spec { activation: 3, ..tens() }, 31.0, 3), "wanted 4 (31/10), max 10 → 4"),
    ];
    for (record, end) in told {
        assert!(record.to_string().ends_with(end), "{record}");
    }
}

#[test]
fn an_activation_scale_that_says_nothing_is_not_told() {
    assert_eq!([0, 1, 2].map(|activation| record(Spec { activation, ..tens() }, 5.0, 1).activation), [0, 0, 2]);
}

#[test]
fn what_holds_pods_is_named_with_its_time() {
    let spec = Spec { zero_retention: Duration::from_secs(100), window_s: 10, max: 0, ..tens() };
    let mut world = World::serving(spec, 1);
    world.run(20, 1);
    world.run(35, 0);
    let now = |world: &World| Duration::from_secs(world.second);
    let grace = world.scaler.decide(now(&world), world.input(0)).record;
    assert!(grace.to_string().ends_with("wanted 0 (0/10), idle, 5 s of grace left → 1"), "{grace}");
    assert_eq!([grace.grace_left, grace.retention_left], [5, 75].map(Duration::from_secs));
    world.run(25, 0);
    let retention = world.scaler.decide(now(&world), world.input(0)).record;
    assert!(retention.to_string().ends_with("wanted 0 (0/10), idle, 50 s of retention left → 1"), "{retention}");
    let spec = Spec { initial: 3, ..spec };
    let mut world = World { initial: true, start_s: 100, ..World::new(spec) };
    world.run(3, 0);
    let starting = world.scaler.decide(now(&world), world.input(0)).record;
    assert!(starting.to_string().ends_with("wanted 0 (0/10), a start of 3 is in progress → 3"), "{starting}");
}

#[test]
fn a_delay_says_what_it_holds() {
    let spec = Spec { scale_down_delay: Duration::from_mins(1), window_s: 10, max: 0, ..tens() };
    let mut world = World::serving(spec, 5);
    world.run(60, 50);
    world.run(20, 0);
    let held = world.scaler.decide(Duration::from_secs(world.second), world.input(0)).record;
    let text = "held 0, in flight 0, average 0 (burst window 0) → wanted 5 (0/10), delay holds 5 → 5";
    assert_eq!(held.to_string(), text);
}

#[test]
fn a_rate_is_told_per_second() {
    let told = record(Spec { max: 0, ..Spec::of(Metric::RequestRate) }, 300.5, 3).to_string();
    assert_eq!(told, "held 0, in flight 0, average 300.5/s (burst window 300.5/s) → wanted 3 (300.5/140) → 3");
}
