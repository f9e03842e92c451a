//! A revision that scales by what its pods use.

use scaling::{Metric, Usage};

use super::*;

fn cpu() -> Spec {
    Spec { target: 30.0, max: 3, scale_down_delay: seconds(20), ..Spec::of(Metric::Cpu) }
}

fn all(percent: u32, measured: u32) -> Usage {
    Usage { percent, measured, ..Usage::default() }
}

/// Seconds with a tick every two, and this reading each 15, of pods that are ready at once.
fn live(world: &mut World, count: u64, usage: impl Fn(u32) -> Option<Usage>) {
    for second in 0..count {
        world.now += seconds(1);
        let pods = world.desired();
        world.core.set_replicas(world.now, UID, pods, pods);
        if second % 15 == 0 {
            world.core.observe_usage(world.now, UID, usage(pods));
        }
        if second % 2 == 0 {
            world.tick();
        }
    }
}

#[test]
fn a_load_of_three_pods_is_three_and_its_end_is_one_after_the_delay() {
    let mut world = World::with(cpu(), 1, 1);
    live(&mut world, 30, |pods| Some(all(90 / pods, pods)));
    assert_eq!(world.writes, [3], "no report of a queue-proxy is needed");
    live(&mut world, 18, |pods| Some(all(0, pods)));
    assert_eq!(world.writes, [3], "fewer have to be wanted for 20 s");
    live(&mut world, 60, |pods| Some(all(0, pods)));
    assert_eq!(world.writes, [3, 1]);
}

#[test]
fn without_readings_the_pods_stay() {
    let mut world = World::with(cpu(), 1, 1);
    live(&mut world, 30, |pods| Some(all(90 / pods, pods)));
    live(&mut world, 600, |_| None);
    assert_eq!((world.desired(), world.writes.as_slice()), (3, [3].as_slice()));
    world.core.observe_usage(world.now, "another", Some(all(1, 1)));
}

#[test]
fn asked_about_are_revisions_with_pods_and_that_metric() {
    let world = |spec, replicas| World::with(spec, replicas, replicas).core.by_usage();
    assert_eq!(world(cpu(), 2), [(UID.into(), Metric::Cpu)]);
    assert_eq!(world(Spec::of(Metric::Memory), 2), [(UID.into(), Metric::Memory)]);
    assert_eq!(world(cpu(), 0), []);
    assert_eq!(world(Spec::default(), 2), []);
}

#[test]
fn requests_wake_one_pod_of_it_at_once_however_many_there_are() {
    let mut world = World::with(cpu(), 0, 0);
    let activator = world.activator();
    world.say(activator, demand(500));
    assert_eq!(world.writes, [1]);
    assert_eq!(world.core.by_usage().len(), 1);
}
