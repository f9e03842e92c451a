//! Minima that come and go with the time of day.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

/// A spec that sleeps as soon as it may.
fn spec() -> Spec {
    Spec { window_s: 6, zero_grace: seconds(4), ..Spec::default() }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// One revision asleep at that time of day, and how long its pods take to start.
struct Day {
    world: World,
    activator: PeerId,
    start_s: u64,
    /// Since when pods are missing, and how many are ready.
    missing: Option<Duration>,
    ready: u32,
}

impl Day {
    fn new(clock: &str, start_s: u64, wishes: Value) -> Self {
        let mut world = World::new();
        world.clock = at(clock);
        let activator = world.activator();
        let mut day = Self { world, activator, start_s, missing: None, ready: 0 };
        day.write(wishes);
        day.world.core.set_replicas(day.world.now, UID, 0, 0);
        day.pass(10);
        day
    }

    fn write(&mut self, wishes: Value) {
        let (schedules, problem) = Schedules::read(&serde_json::from_value::<Vec<_>>(wishes).expect("schedules"));
        assert_eq!(problem, None);
        self.world.schedules = schedules;
        self.world.upsert(spec());
    }

    /// Seconds pass; pods come, report nothing and go.
    fn pass(&mut self, passing: u64) {
        for _ in 0..passing {
            self.world.now += seconds(1);
            self.world.clock += SignedDuration::from_secs(1);
            let second = self.world.now.as_secs();
            self.world.say(self.activator, Up::Report { second, loads: Vec::new() });
            if second.is_multiple_of(2) {
                self.world.tick();
            }
            self.start(second);
        }
    }

    fn start(&mut self, second: u64) {
        let (now, desired) = (self.world.now, self.world.desired());
        let since = *self.missing.get_or_insert(now);
        if desired <= self.ready || now >= since + seconds(self.start_s) {
            (self.ready, self.missing) = (desired, None);
        }
        for n in 1..=9 {
            let name = format!("p{n}");
            let peer = self.world.core.revisions[UID].pods.iter().find(|pod| pod.name == name).and_then(|pod| pod.peer);
            match (n <= self.ready, peer) {
                (true, None) => {
                    let pod = self.world.pod(&name, EPOCH);
                    self.world.say(pod, Up::Ready);
                }
                (true, Some(pod)) => self.world.say(pod, report(second, 0, &[0.0])),
                (false, Some(pod)) => {
                    self.world.say(pod, Up::Draining);
                    self.world.core.leave(self.world.now, pod);
                }
                (false, None) => {}
            }
        }
        self.world.core.set_replicas(self.world.now, UID, desired, self.ready);
    }

    /// Passes until that time of day; the ready pods of each second.
    fn until(&mut self, clock: &str) -> Vec<u32> {
        let mut ready = Vec::new();
        while self.world.clock < at(clock) {
            self.pass(1);
            ready.push(self.ready);
        }
        ready
    }

    /// How many seconds before eight all pods were ready.
    fn early(&mut self) -> usize {
        let before = self.until("2026-05-04T07:59:59Z");
        before.iter().rev().take_while(|ready| **ready == 3).count()
    }

    /// One start by a request, and back to sleep.
    fn serve_once(&mut self) {
        let (writes, activator) = (self.world.writes.len(), self.activator);
        self.world.say(activator, demand(1));
        self.world.say(activator, demand(0));
        self.pass(90);
        assert_eq!((&self.world.writes[writes..], self.ready), ([1, 0].as_slice(), 0));
    }

    /// Seconds by which a window opens earlier.
    fn ahead(&self) -> i64 {
        self.world.core.calendar.entry(UID).expect("schedules").ahead().as_secs()
    }

    fn scheduled(&self) -> u32 {
        self.world.core.revisions[UID].scheduled
    }

    fn sentence(&self) -> String {
        let told = super::super::debug::decisions(&self.world.core, UID, self.world.now, self.world.clock);
        told.last().expect("a decision")["text"].as_str().expect("a text").to_owned()
    }
}

fn window() -> Value {
    json!([{ "start": "08:00", "end": "08:10", "min": 3 }])
}

#[test]
fn pods_are_ready_before_the_window_by_the_start_that_was_measured() {
    let mut day = Day::new("2026-05-04T07:50:00Z", 5, window());
    assert_eq!(day.ahead(), 12, "nothing was measured yet");
    day.serve_once();
    assert!((7..=10).contains(&day.ahead()), "five to six seconds, seen at a tick, and one more: {}", day.ahead());
    let early = day.early();
    assert!((1..=6).contains(&early), "ready {early} s before");
    assert!(day.sentence().ends_with("schedule min 3, max 10 → 3 (schedule 08:00–08:10 UTC)"), "{}", day.sentence());
}

#[test]
fn a_start_that_takes_longer_is_begun_earlier() {
    let mut day = Day::new("2026-05-04T07:50:00Z", 40, window());
    day.serve_once();
    let early = day.early();
    assert!((1..=6).contains(&early), "ready {early} s before");
}

#[test]
fn it_stays_through_the_window_and_sleeps_after_it() {
    let mut day = Day::new("2026-05-04T07:55:00Z", 5, window());
    day.until("2026-05-04T08:00:00Z");
    assert!(day.until("2026-05-04T08:09:59Z").iter().all(|ready| *ready == 3));
    let after = day.until("2026-05-04T08:11:00Z");
    assert_eq!(after.last(), Some(&0), "{after:?}");
    assert_eq!(day.world.writes, [3, 1, 0]);
}

#[test]
fn the_highest_of_two_windows_wins_and_then_the_other() {
    let wishes = json!([
        { "start": "08:00", "end": "08:10", "min": 2 },
        { "start": "08:05", "end": "08:07", "min": 4 },
    ]);
    let mut day = Day::new("2026-05-04T07:55:00Z", 5, wishes);
    day.until("2026-05-04T08:00:00Z");
    let at = ["08:04:30", "08:05:00", "08:06:58", "08:07:20", "08:09:58", "08:10:40"];
    let ready = at.map(|time| *day.until(&format!("2026-05-04T{time}Z")).last().expect("some seconds"));
    assert_eq!(ready, [2, 4, 4, 2, 2, 0]);
}

#[test]
fn a_quick_start_does_not_close_what_was_opened_ahead() {
    let mut day = Day::new("2026-05-04T07:55:00Z", 1, window());
    day.until("2026-05-04T08:00:30Z");
    assert_eq!(day.world.writes, [3], "asked for once, though it was ready long before");
}

#[test]
fn a_clock_that_jumps_is_followed_at_the_next_tick_in_both_directions() {
    let mut day = Day::new("2026-05-04T07:00:00Z", 5, window());
    for (clock, expected) in [
        ("2026-05-04T08:05:00Z", 3),
        ("2026-05-04T07:00:00Z", 0),
        ("2026-05-04T08:00:00Z", 3),
        ("2027-05-04T08:20:00Z", 0),
        ("1970-01-01T08:05:00Z", 3),
    ] {
        day.world.clock = at(clock);
        day.world.tick();
        assert_eq!(day.scheduled(), expected, "{clock}");
    }
}

#[test]
fn a_window_that_has_ended_does_not_open_again_for_a_clock_that_is_set_back_a_little() {
    let mut day = Day::new("2026-05-04T08:09:40Z", 5, window());
    day.until("2026-05-04T08:10:10Z");
    let writes = day.world.writes.len();
    day.world.clock = at("2026-05-04T08:09:30Z");
    day.pass(60);
    assert_eq!((&day.world.writes[writes..], day.scheduled()), ([].as_slice(), 0));
}

#[test]
fn an_edit_holds_at_once() {
    let mut day = Day::new("2026-05-04T08:05:00Z", 5, window());
    assert_eq!(day.scheduled(), 3);
    day.write(json!([{ "start": "08:00", "end": "08:10", "min": 5 }]));
    assert_eq!(day.scheduled(), 5);
    day.write(json!([{ "start": "08:10", "end": "08:20", "min": 5 }]));
    assert_eq!(day.scheduled(), 0);
    day.until("2026-05-04T08:10:00Z");
    assert_eq!(day.scheduled(), 5);
    day.write(json!([]));
    assert_eq!(day.scheduled(), 0);
    assert!(day.world.core.calendar.entry(UID).is_none());
}

#[test]
fn a_new_revision_begins_with_the_pods_of_an_open_window() {
    let mut day = Day::new("2026-05-04T08:05:00Z", 5, window());
    let (schedules, uid) = (day.world.schedules.clone(), "another".to_owned());
    let new = RevisionEntry { uid: uid.clone(), schedules, initial: true, routed: false, ..entry(spec()) };
    day.world.core.upsert(day.world.now, new);
    day.world.core.set_replicas(day.world.now, &uid, 1, 0);
    assert_eq!(day.world.core.revisions[uid.as_str()].desired, 3, "before its first pod could be ready");
}

#[test]
fn a_revision_that_is_gone_is_forgotten() {
    let mut day = Day::new("2026-05-04T07:05:00Z", 5, window());
    day.world.core.remove(UID);
    assert!(day.world.core.calendar.entry(UID).is_none());
    assert_eq!(day.world.core.calendar.turn(at("2026-05-04T08:05:00Z")), []);
}

#[test]
fn between_changes_nobody_is_looked_at() {
    let mut day = Day::new("2026-05-04T07:05:00Z", 5, window());
    let calendar = &mut day.world.core.calendar;
    for (time, looked_at) in [("07:05:20", 0), ("07:59:47", 0), ("07:59:48", 1), ("07:59:50", 0), ("08:10:00", 1)] {
        assert_eq!(calendar.turn(at(&format!("2026-05-04T{time}Z"))).len(), looked_at, "{time}");
    }
}
