//! The core over time, without sockets.

mod replays;
mod schedules;
pub mod sleepers;
mod starts;
mod streams;
mod units;
mod usage;
mod wakes;

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use jiff::Timestamp;
use policy::Schedules;
use scaling::{Reason, Spec};
use wire::{Bucket, Down, Endpoint, Frame, Load, Up};

use super::core::{Core, Effect, PeerId, Violation};
use super::revision::Revision;
use super::{ORIGIN, RevisionEntry};

const UID: &str = "0b9b0a6a-6c1e-4a70-8c4e-1f6f4c8f1a11";
const EPOCH: u64 = 1;

/// A core, its time, and what it did.
struct World {
    core: Core,
    now: Duration,
    clock: Timestamp,
    listed: RefCell<HashSet<SocketAddr>>,
    told: Vec<(PeerId, Down)>,
    writes: Vec<u32>,
    closed: Vec<PeerId>,
    schedules: Schedules,
}

impl World {
    fn new() -> Self {
        Self {
            core: Core::new(ORIGIN),
            now: ORIGIN,
            clock: Timestamp::UNIX_EPOCH,
            listed: RefCell::default(),
            told: Vec::new(),
            writes: Vec::new(),
            closed: Vec::new(),
            schedules: Schedules::default(),
        }
    }

    /// With one revision that has `replicas`, all ready, and is settled unless `fresh`.
    fn with(spec: Spec, replicas: u32, ready: u32) -> Self {
        let mut world = Self::new();
        world.upsert(spec);
        world.core.set_replicas(world.now, UID, replicas, ready);
        world
    }

    /// With one revision that never had a pod and whose Deployment is just there.
    fn beginning(spec: Spec) -> Self {
        let mut world = Self::new();
        world.core.upsert(world.now, RevisionEntry { initial: true, routed: false, ..entry(spec) });
        world.core.set_replicas(world.now, UID, 1, 0);
        world
    }

    fn upsert(&mut self, spec: Spec) {
        let schedules = self.schedules.clone();
        self.core.upsert(self.now, RevisionEntry { schedules, ..entry(spec) });
    }

    /// Carries out what the core asks for; a write is acknowledged at once.
    fn settle(&mut self) {
        for effect in self.core.take_effects() {
            match effect {
                Effect::Tell { peer, frames } => {
                    let mut frames = BytesMut::from(frames);
                    while let Some(message) = Down::decode(&mut frames).expect("own frames") {
                        self.told.push((peer, message));
                    }
                }
                Effect::Close { peer } => self.closed.push(peer),
                Effect::Replace { pod, .. } => panic!("nobody said that {pod} has served its time"),
                Effect::Write { uid } => {
                    while let Some(write) = self.core.next_write(self.now, &uid) {
                        self.writes.push(write.replicas);
                        self.core.written(self.now, &uid, write.replicas);
                    }
                }
            }
        }
    }

    fn told(&mut self) -> Vec<Down> {
        self.settle();
        std::mem::take(&mut self.told).into_iter().map(|(_, message)| message).collect()
    }

    fn say(&mut self, peer: PeerId, message: Up) {
        self.core.message(self.now, peer, message).expect("allowed");
        self.settle();
    }

    fn tick(&mut self) {
        let listed = &self.listed;
        self.core.tick(self.now, self.clock, &|_, address| listed.borrow().contains(&address));
        self.settle();
    }

    fn activator(&mut self) -> PeerId {
        self.core.join_activator(EPOCH, "activator-0".into())
    }

    fn pod(&mut self, name: &str, epoch: u64) -> PeerId {
        self.core.join_pod(UID, name.into(), address(name), epoch, true)
    }

    fn desired(&self) -> u32 {
        self.core.revisions[UID].desired
    }

    fn stable(&self) -> f64 {
        self.core.revisions[UID].memory.averages(self.now).stable
    }
}

fn entry(spec: Spec) -> RevisionEntry {
    let (namespace, name) = ("default".into(), "user-00001".into());
    let schedules = Schedules::default();
    RevisionEntry { uid: UID.into(), namespace, name, spec, schedules, routed: true, initial: false }
}

/// `p7` listens at 10.0.0.7.
fn address(pod: &str) -> SocketAddr {
    let last: u8 = pod[1..].parse().expect("a number");
    ([10, 0, 0, last], 8012).into()
}

fn endpoint(pod: &str) -> Endpoint {
    Endpoint { revision_uid: UID.into(), address: address(pod) }
}

/// One activator alone gets the whole of what a pod should carry.
fn up(pod: &str) -> Down {
    Down::EndpointUp { endpoint: endpoint(pod), share: 100 }
}

fn desired(replicas: u32) -> Down {
    desired_among(replicas, 1)
}

fn desired_among(replicas: u32, activators: u32) -> Down {
    Down::Desired { revision_uid: UID.into(), replicas, activators, places: 100 }
}

fn demand(held: u32) -> Up {
    Up::Demand { revision_uid: UID.into(), held }
}

fn report(second: u64, now: u32, concurrency: &[f32]) -> Up {
    let first = second - concurrency.len() as u64;
    let buckets = concurrency
        .iter()
        .zip(first..)
        .map(|(&concurrency, second)| Bucket { second, concurrency, requests: 0 })
        .collect();
    Up::Report { second, loads: vec![Load { revision_uid: UID.into(), now, buckets }] }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_wake_is_one_write_and_activators_are_told() {
    let mut world = World::with(Spec::default(), 0, 0);
    let activator = world.activator();
    assert_eq!(world.told(), [Down::Endpoints(Vec::new())]);
    world.say(activator, demand(1));
    assert_eq!(world.writes, [1]);
    assert_eq!(world.told(), [desired(1)]);
    for second in 1..20 {
        world.now += seconds(1);
        world.say(activator, report(second, 1, &[1.0]));
        world.say(activator, demand(1));
        // The watch is late and still shows the old number.
        world.core.set_replicas(world.now, UID, u32::from(second > 5), 0);
        if second % 2 == 0 {
            world.tick();
        }
    }
    assert_eq!(world.writes, [1], "nothing more to write");
    let pod = world.pod("p1", EPOCH);
    world.say(pod, Up::Ready);
    assert_eq!(world.told(), [up("p1")]);
}

#[test]
fn growing_demand_raises_and_the_held_of_all_activators_count() {
    let mut world = World::with(Spec { target: 10.0, utilization: 1.0, ..Spec::default() }, 0, 0);
    let one = world.activator();
    let two = world.core.join_activator(EPOCH, "activator-1".into());
    world.say(one, demand(5));
    world.say(two, demand(32));
    world.say(one, demand(2));
    assert_eq!(world.writes, [1, 4]);
}

#[test]
fn demand_before_there_is_a_deployment_is_acted_on_when_there_is_one() {
    let mut world = World::new();
    let activator = world.activator();
    world.upsert(Spec::default());
    world.say(activator, demand(3));
    assert!(world.writes.is_empty());
    world.core.set_replicas(world.now, UID, 0, 0);
    world.settle();
    assert_eq!(world.writes, [1]);
}

#[test]
fn what_is_gone_from_the_reports_is_held_no_more() {
    let mut world = World::with(Spec::default(), 0, 0);
    let activator = world.activator();
    world.say(activator, report(7, 4, &[]));
    assert_eq!(world.core.held(UID), 4);
    for second in 8..10 {
        world.say(activator, Up::Report { second, loads: Vec::new() });
    }
    assert_eq!(world.core.held(UID), 0);
    world.say(activator, demand(2));
    world.core.leave(world.now, activator);
    assert_eq!(world.core.held(UID), 0, "a lost stream holds nothing that we know of");
}

#[test]
fn a_replay_fills_the_windows_and_is_counted_once() {
    let mut world = World::with(Spec::default(), 1, 1);
    let pod = world.pod("p1", EPOCH);
    world.say(pod, report(500, 10, &[10.0; 60]));
    assert!((world.stable() - 10.0).abs() < 1e-6);
    world.core.leave(world.now, pod);
    let pod = world.pod("p1", EPOCH);
    world.now += seconds(1);
    world.say(pod, report(501, 10, &[10.0; 60]));
    assert!((world.stable() - 10.0).abs() < 1e-6, "{}", world.stable());
    let pod = world.pod("p1", EPOCH + 1);
    world.now += seconds(1);
    world.say(pod, report(3, 10, &[5.0; 3]));
    assert!(world.stable() > 10.0, "a new process has other seconds");
}

#[test]
fn a_new_leader_takes_over_replicas_and_waits_before_it_scales_in() {
    let mut world = World::with(Spec::default(), 8, 8);
    let pods: Vec<PeerId> = (1..=8).map(|n| world.pod(&format!("p{n}"), EPOCH)).collect();
    assert_eq!(world.desired(), 8);
    for (n, pod) in pods.iter().enumerate().skip(1) {
        world.say(*pod, report(100, 0, &[0.0; 60]));
        assert!(n < 8);
    }
    world.now += seconds(3);
    world.tick();
    assert!(!world.core.is_settled(world.now));
    world.now += seconds(3);
    world.tick();
    assert_eq!(world.desired(), 8, "one has not reported");
    for pod in pods {
        world.say(pod, report(106, 0, &[0.0; 60]));
    }
    world.tick();
    assert_eq!((world.desired(), world.writes.as_slice()), (4, [4].as_slice()));
}

#[test]
fn pods_that_do_not_report_keep_the_scale() {
    let mut world = World::with(Spec::default(), 4, 4);
    let pod = world.pod("p1", EPOCH);
    for second in 100..400 {
        world.now += seconds(1);
        world.say(pod, report(second, 0, &[0.0]));
        world.tick();
    }
    assert_eq!(world.desired(), 4);
    assert!(world.writes.is_empty());
}

#[test]
fn pods_that_are_cut_off_keep_the_scale_while_their_streams_seem_to_be_up() {
    let mut world = World::with(Spec { window_s: 6, ..Spec::default() }, 4, 4);
    let pods: Vec<PeerId> = (1..=4).map(|n| world.pod(&format!("p{n}"), EPOCH)).collect();
    for second in 1..=30 {
        world.now += seconds(1);
        for pod in &pods {
            world.say(*pod, report(second, 70, &[70.0]));
        }
        world.tick();
    }
    assert_eq!(world.desired(), 4);
    for _ in 0..10 {
        world.now += seconds(1);
        world.tick();
        assert_eq!(world.desired(), 4, "no data is not zero");
    }
}

#[test]
fn idle_then_zero_then_awake_again() {
    let mut world = World::with(Spec::default(), 1, 1);
    let activator = world.activator();
    let pod = world.pod("p1", EPOCH);
    world.say(pod, Up::Ready);
    let mut asleep_at = None;
    for second in 1..=100 {
        world.now += seconds(1);
        let load: u8 = (second <= 5).into();
        world.say(pod, report(second, load.into(), &[load.into()]));
        world.say(activator, Up::Report { second, loads: Vec::new() });
        world.tick();
        if world.desired() == 0 {
            asleep_at.get_or_insert(second);
        }
    }
    let asleep_at = asleep_at.expect("asleep");
    assert!((95..=97).contains(&asleep_at), "{asleep_at} s, load ended after 5 s");
    assert_eq!(world.writes, [0]);
    world.say(pod, Up::Draining);
    world.core.leave(world.now, pod);
    world.core.set_replicas(world.now, UID, 0, 0);
    world.say(activator, demand(1));
    assert_eq!(world.writes, [0, 1]);
}

#[test]
fn a_scale_changed_by_others_is_put_right() {
    let mut world = World::with(Spec { min: 2, ..Spec::default() }, 2, 2);
    world.tick();
    assert!(world.writes.is_empty());
    world.core.set_replicas(world.now, UID, 7, 2);
    world.tick();
    assert_eq!(world.writes, [2]);
    world.core.set_replicas(world.now, UID, 7, 2);
    world.tick();
    assert_eq!(world.writes, [2], "that may be an old observation");
    world.now += seconds(31);
    world.tick();
    assert_eq!(world.writes, [2, 2], "it is not");
    world.core.set_replicas(world.now, UID, 2, 2);
    world.core.set_replicas(world.now, UID, 0, 2);
    world.tick();
    assert_eq!(world.writes, [2, 2, 2], "ours was seen, so this is newer");
}

#[test]
fn what_was_written_counts_while_the_watch_stands_still() {
    let mut world = World::with(Spec::default(), 0, 0);
    let activator = world.activator();
    world.say(activator, demand(1));
    world.say(activator, demand(0));
    let pod = world.pod("p1", EPOCH);
    world.say(pod, Up::Ready);
    for second in 1..100 {
        world.now += seconds(1);
        world.say(pod, report(second, 0, &[0.0]));
        world.say(activator, Up::Report { second, loads: Vec::new() });
        world.core.set_replicas(world.now, UID, 0, 0);
        world.tick();
    }
    assert_eq!(world.writes.last(), Some(&0), "though 0 is what was observed last");
}

#[test]
fn the_newest_number_wins_while_a_write_is_under_way() {
    let mut world = World::with(Spec { target: 1.0, utilization: 1.0, ..Spec::default() }, 0, 0);
    let activator = world.activator();
    world.core.message(world.now, activator, demand(1)).unwrap();
    world.core.message(world.now, activator, demand(5)).unwrap();
    let begun = world.core.take_effects().into_iter().filter(|e| matches!(e, Effect::Write { .. })).count();
    assert_eq!(begun, 1);
    let write = world.core.next_write(world.now, UID).expect("a write");
    assert_eq!(write.replicas, 5);
    world.core.message(world.now, activator, demand(7)).unwrap();
    world.core.written(world.now, UID, 5);
    assert_eq!(world.core.next_write(world.now, UID).map(|write| write.replicas), Some(7));
    world.core.written(world.now, UID, 7);
    assert_eq!(world.core.next_write(world.now, UID), None);
    assert!(world.core.take_effects().iter().all(|effect| !matches!(effect, Effect::Write { .. })));
}

#[test]
fn a_sleeping_revision_is_small() {
    assert!(size_of::<Revision>() <= 256, "{}", size_of::<Revision>());
}
