//! The state of the core as JSON, for people: /debug/state and /debug/decisions.

mod record;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};
use scaling::{Reason, Record};
use serde_json::{Value, json};

use super::calendar;
use super::core::Core;
use super::journal::Entry;
use super::revision::{Listed, Pod, Revision};
use super::wakes::Wake;

/// Everything, revisions by name; `clock` is the time of day at `now`.
pub fn state(core: &Core, now: Duration, clock: Timestamp) -> Value {
    let mut revisions: Vec<&Revision> = core.revisions.values().map(AsRef::as_ref).collect();
    revisions.sort_by_key(|revision| revision.listed.as_ref().map(Listed::names));
    let mut activators: Vec<&String> =
        core.activators.iter().filter(|(_, activator)| activator.peer().is_some()).map(|(name, _)| name).collect();
    activators.sort();
    let wakes: Vec<_> = core.wakes.iter().map(|wake| describe_wake(wake, now, clock)).collect();
    json!({
        "wakes": wakes,
        "settled": core.is_settled(now),
        "activators": activators,
        "revisions": revisions.into_iter().map(|revision| describe(core, revision, now)).collect::<Vec<_>>(),
    })
}

fn describe(core: &Core, revision: &Revision, now: Duration) -> Value {
    let averages = revision.memory.averages(now);
    let listed = revision.listed.as_ref();
    let names = listed.map(Listed::names);
    let scale = listed.and_then(|listed| listed.scale);
    json!({
        "uid": &*revision.uid,
        "namespace": names.map(|(namespace, _)| namespace),
        "name": names.map(|(_, name)| name),
        "routed": listed.is_some_and(|listed| listed.routed),
        "initial": listed.is_some_and(|listed| listed.initial),
        "desired": revision.desired,
        "replicas": scale.map(|scale| scale.current()),
        "ready": scale.map(|scale| scale.ready),
        "writing": scale.is_some_and(|scale| scale.writing),
        "held": core.held(&revision.uid),
        "schedules": core.calendar.entry(&revision.uid).map(|entry| describe_schedules(entry, revision)),
        "stableConcurrency": averages.stable,
        "burstConcurrency": averages.burst,
        "pods": revision.pods.iter().map(|pod| describe_pod(pod, now)).collect::<Vec<_>>(),
        "decisions": revision.journal.newest().map(|entry| describe_entry(entry, now)).collect::<Vec<_>>(),
    })
}

fn describe_schedules(entry: &calendar::Entry, revision: &Revision) -> Value {
    json!({
        "min": revision.scheduled,
        "until": entry.next().map(|next| next.to_string()),
        "aheadSeconds": entry.ahead().as_secs_f64(),
    })
}

/// Times in milliseconds of Unix time, so that they can be held against those of other processes.
fn describe_wake(wake: &Wake, now: Duration, clock: Timestamp) -> Value {
    let clock_ms = clock.as_microsecond() as f64 / 1000.0;
    let unix_ms = |at: Duration| clock_ms - now.saturating_sub(at).as_secs_f64() * 1000.0;
    json!({
        "namespace": wake.namespace,
        "revision": wake.name,
        "demandMs": unix_ms(wake.demanded),
        "writtenMs": wake.written.map(unix_ms),
        "readyMs": wake.ready.map(unix_ms),
    })
}

fn describe_pod(pod: &Pod, now: Duration) -> Value {
    json!({
        "name": pod.name,
        "address": pod.address.to_string(),
        "announced": format!("{:?}", pod.announced),
        "confirmed": pod.confirmed,
        "reporting": pod.reports(now),
        "inFlight": pod.in_flight,
        "lostForSeconds": pod.peer.is_none().then(|| seconds(now.saturating_sub(pod.lost_at))),
    })
}

fn describe_entry(entry: &Entry, now: Duration) -> Value {
    json!({
        "agoSeconds": seconds(now.saturating_sub(entry.record.at)),
        "forSeconds": seconds(entry.record.at.saturating_sub(entry.since)),
        "times": entry.times,
        "reason": entry.record.reason.as_str(),
        "desired": entry.record.desired,
        "text": entry.record.to_string(),
    })
}

/// The last decisions on a revision, oldest first; `clock` is the time of day at `now`.
pub fn decisions(core: &Core, uid: &str, now: Duration, clock: Timestamp) -> Vec<Value> {
    let entries = core.revisions.get(uid).map(|revision| revision.journal.newest().collect::<Vec<_>>());
    let schedules = core.calendar.entry(uid);
    entries.into_iter().flatten().rev().map(|entry| describe_decision(entry, now, clock, schedules)).collect()
}

fn describe_decision(entry: &Entry, now: Duration, clock: Timestamp, schedules: Option<&calendar::Entry>) -> Value {
    let age = now.saturating_sub(entry.record.at);
    let taken = SignedDuration::try_from(age).ok().and_then(|age| (clock - age).round(Unit::Millisecond).ok());
    json!({
        "time": taken.map(|time| time.to_string()),
        "ageSeconds": seconds(age),
        "forSeconds": seconds(entry.record.at.saturating_sub(entry.since)),
        "times": entry.times,
        "reason": entry.record.reason.as_str(),
        "text": sentence(&entry.record, taken.zip(schedules)),
        "record": record::describe(&entry.record),
    })
}

/// The schedule is not in the record; it is found once more by the time of day.
fn sentence(record: &Record, schedules: Option<(Timestamp, &calendar::Entry)>) -> String {
    let by_schedule = schedules.filter(|_| record.reason == Reason::Schedule);
    match by_schedule.and_then(|(at, entry)| entry.rule(at, record.min)) {
        Some(rule) => format!("{record} (schedule {rule})"),
        None => record.to_string(),
    }
}

/// To a tenth.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}
