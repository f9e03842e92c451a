//! The status of a Deployment, as its controller tells it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::plan::{PodView, Rollout};
use crate::api_server::Local;
use crate::api_server::refusal::Refusal;

/// Writes what differs; says when the progress deadline has to be looked at.
pub fn write(local: &Local, deployment: &Value, pods: &[PodView], refused: Option<&Refusal>) -> Option<Duration> {
    let (status, look_again) = status(deployment, pods, refused, local.clock().now());
    let old = &deployment["status"];
    if status.as_object().into_iter().flatten().any(|(field, value)| old[field] != *value) {
        // A Deployment that went meanwhile needs none.
        let _ = local.patch_status(deployment, status);
    }
    look_again
}

/// What is counted, and how that compares with what the status says.
struct Count {
    all: usize,
    current: usize,
    ready: usize,
    complete: bool,
    progressed: bool,
}

impl Count {
    fn of(deployment: &Value, pods: &[PodView], replicas: usize) -> Self {
        let count = |wanted: fn(&PodView) -> bool| pods.iter().filter(|pod| pod.is_active() && wanted(pod)).count();
        let (all, current, ready) = (count(|_| true), count(|pod| pod.current), count(|pod| pod.ready));
        let old = &deployment["status"];
        let same = old["updatedReplicas"] == shown(current)
            && old["readyReplicas"] == shown(ready)
            && old["observedGeneration"] == deployment["metadata"]["generation"];
        let complete = current == replicas && all == current && ready == replicas;
        Self { all, current, ready, complete, progressed: !same }
    }
}

/// The status; a count of 0 is null, for it is not written.
fn status(
    deployment: &Value,
    pods: &[PodView],
    refused: Option<&Refusal>,
    now: Timestamp,
) -> (Value, Option<Duration>) {
    let rollout = Rollout::of(deployment);
    let count = Count::of(deployment, pods, rollout.replicas);
    let old = &deployment["status"];
    let left = deadline(deployment, &count, now);
    let stuck = left.is_some_and(|left| left.is_zero());

    let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
    let (state, reason, does) = match (count.complete, stuck) {
        (true, _) => ("True", "NewReplicaSetAvailable", "has successfully progressed"),
        (_, true) => ("False", "ProgressDeadlineExceeded", "has timed out progressing"),
        _ => ("True", "ReplicaSetUpdated", "is progressing"),
    };
    let available = count.ready >= rollout.replicas.saturating_sub(rollout.unavailable);
    let (is_available, why) =
        if available { ("True", "MinimumReplicasAvailable") } else { ("False", "MinimumReplicasUnavailable") };
    let message = format!("ReplicaSet \"{name}\" {does}.");
    let mut conditions = vec![
        condition(old, "Available", [is_available, why, ""], now, false),
        condition(old, "Progressing", [state, reason, &message], now, count.progressed),
    ];
    if let Some(refusal) = refused {
        conditions.push(condition(old, "ReplicaFailure", ["True", "FailedCreate", &refusal.message], now, false));
    }
    let status = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": shown(count.all),
        "updatedReplicas": shown(count.current),
        "readyReplicas": shown(count.ready),
        "availableReplicas": shown(count.ready),
        "unavailableReplicas": shown(rollout.replicas.max(count.all).saturating_sub(count.ready)),
        "conditions": conditions,
    });
    (status, left.filter(|left| !left.is_zero()))
}

/// Time left to make progress; none while nothing is to be waited for.
fn deadline(deployment: &Value, count: &Count, now: Timestamp) -> Option<Duration> {
    if count.complete {
        return None;
    }
    let deadline = Duration::from_secs(deployment["spec"]["progressDeadlineSeconds"].as_u64().unwrap_or(600));
    let before = find(&deployment["status"], "Progressing").filter(|_| !count.progressed);
    if before.is_some_and(|condition| condition["reason"] == "ProgressDeadlineExceeded") {
        return Some(Duration::ZERO);
    }
    let since = before.and_then(|condition| condition["lastUpdateTime"].as_str()?.parse::<Timestamp>().ok());
    Some(deadline.saturating_sub(now.duration_since(since.unwrap_or(now)).unsigned_abs()))
}

fn shown(number: usize) -> Value {
    if number == 0 { Value::Null } else { number.into() }
}

fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// A condition that keeps its times while it says the same; `touch` renews the time of its update.
fn condition(old: &Value, kind: &str, [state, reason, message]: [&str; 3], now: Timestamp, touch: bool) -> Value {
    let second: Value = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string().into();
    let before = find(old, kind).filter(|c| c["status"] == state);
    let kept = |field: &str| before.map_or_else(|| second.clone(), |c| c[field].clone());
    let same = !touch && before.is_some_and(|c| c["reason"] == reason && c["message"] == message);
    json!({
        "type": kind, "status": state, "reason": reason, "message": message,
        "lastTransitionTime": kept("lastTransitionTime"),
        "lastUpdateTime": if same { kept("lastUpdateTime") } else { second.clone() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn deployment(status: Value) -> Value {
        json!({ "metadata": { "name": "d", "generation": 1 }, "status": status, "spec": { "replicas": 1,
            "progressDeadlineSeconds": 60, "strategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } } } })
    }

    fn without_nulls(mut status: Value) -> Value {
        status.as_object_mut().expect("a map").retain(|_, value| !value.is_null());
        status
    }

    fn reason(status: &Value) -> Value {
        find(status, "Progressing").expect("a condition")["reason"].clone()
    }

    #[test]
    fn without_progress_the_deadline_passes_and_says_so_until_there_is_some() {
        let pods = [PodView { current: true, ..PodView::default() }];
        let mut deployment = deployment(json!({}));
        let mut reasons = Vec::new();
        for second in [0, 30, 59, 61, 70] {
            let (status, look_again) = status(&deployment, &pods, None, at(1_000 + second));
            reasons.push(reason(&status));
            assert_eq!(look_again.is_none(), second >= 60, "at {second}");
            deployment["status"] = without_nulls(status);
        }
        let (moving, stuck) = ("ReplicaSetUpdated", "ProgressDeadlineExceeded");
        assert_eq!(reasons, [moving, moving, moving, stuck, stuck]);
        let ready = [PodView { current: true, ready: true, ..PodView::default() }];
        let (status, _) = status(&deployment, &ready, None, at(1_080));
        assert_eq!(reason(&status), "NewReplicaSetAvailable");
        assert_eq!((&status["readyReplicas"], &status["unavailableReplicas"]), (&json!(1), &Value::Null));
    }
}
