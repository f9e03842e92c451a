//! Load in another unit than requests at a time, and settings that change while a revision runs.

use scaling::Metric;

use super::*;

/// What a pod reports: in each of these seconds so many requests began, and there were 0.5 at a time.
fn began(second: u64, requests: &[u32]) -> Up {
    let first = second - requests.len() as u64;
    let bucket = |(&requests, second)| Bucket { second, concurrency: 0.5, requests };
    let buckets = requests.iter().zip(first..).map(bucket).collect();
    Up::Report { second, loads: vec![Load { revision_uid: UID.into(), now: 0, buckets }] }
}

fn rate() -> Spec {
    Spec { target: 10.0, utilization: 1.0, window_s: 6, ..Spec::of(Metric::RequestRate) }
}

#[test]
fn a_rate_is_what_pods_began_and_the_held_are_no_part_of_it() {
    let mut world = World::with(rate(), 1, 1);
    let (activator, pod) = (world.activator(), world.pod("p1", EPOCH));
    for second in 1..=10 {
        world.now += seconds(1);
        world.say(activator, report(second, 0, &[7.0]));
        world.say(pod, began(second, &[35]));
    }
    world.tick();
    assert_eq!(world.stable().to_string(), "35");
    assert_eq!(world.desired(), 4, "35 requests a second, 10 of them in each pod");
}

#[test]
fn another_metric_counts_from_then_on() {
    let mut world = World::with(Spec { target: 10.0, utilization: 1.0, window_s: 6, ..Spec::default() }, 1, 1);
    let pod = world.pod("p1", EPOCH);
    let live = |world: &mut World, seconds: std::ops::RangeInclusive<u64>| {
        for second in seconds {
            world.now += Duration::from_secs(1);
            world.say(pod, began(second, &[35]));
        }
        world.tick();
    };
    live(&mut world, 1..=10);
    assert_eq!(world.desired(), 1, "0.5 requests at a time");
    world.upsert(rate());
    live(&mut world, 11..=20);
    assert_eq!(world.desired(), 4, "35 requests a second");
}

#[test]
fn activators_are_told_of_other_places_while_a_revision_is_awake() {
    let mut world = World::with(Spec::default(), 2, 2);
    world.activator();
    world.told();
    world.upsert(Spec { target: 30.5, ..Spec::default() });
    let other = |places| Down::Desired { revision_uid: UID.into(), replicas: 2, activators: 1, places };
    assert_eq!(world.told(), [other(31)]);
    world.upsert(Spec { target: 30.5, max: 7, ..Spec::default() });
    assert_eq!(world.told(), []);
    world.upsert(rate());
    assert_eq!(world.told(), [other(0)]);

    let mut asleep = World::with(Spec::default(), 0, 0);
    asleep.activator();
    asleep.told();
    asleep.upsert(rate());
    assert_eq!(asleep.told(), [], "it is told when it wakes");
}
