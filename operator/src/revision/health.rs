//! What Deployment and pods say of a revision: a pure reading, in order of how much a reason explains.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use kube::ResourceExt;
use scaling::Spec;
use serde_json::Value;

use super::deployment::replicas;
use crate::digest::Problem;
use crate::error::{Class, Error};
use crate::pod_status::{phase, was_never_ready};

/// Waiting reasons that do not pass by themselves (kubelet's names).
const FATAL: [&str; 4] = ["ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CrashLoopBackOff"];
/// Waiting reasons that a kubelet under load may give for a moment ("failed to sync secret cache"): they count once the
/// pod is older than [`DOUBT`].
const DOUBTFUL: [&str; 5] =
    ["ErrImagePull", "ImageInspectError", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"];
/// How long a doubtful reason is given to pass.
pub const DOUBT: Duration = Duration::from_secs(8);
/// Most of an app's last words that a message repeats, in bytes.
const LAST_WORDS_MAX: usize = 256;
/// A pod is there a moment after it was asked for, from when on the deadline counts.
const SLACK: Duration = Duration::from_secs(5);

/// How a revision fares at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Pods wanted.
    pub desired: u32,
    /// Pods ready.
    pub ready: u32,
    /// Why pods do not start, when that is known.
    pub failure: Option<Failure>,
    /// Something looks wrong, too early to tell: to be looked at again after [`DOUBT`].
    pub doubtful: bool,
    /// It has no Deployment yet, for what its tags stand for is not known.
    pub resolving: bool,
}

impl Health {
    /// Of a revision whose images are not resolved, for this reason if it was tried.
    pub fn resolving(problem: Option<Problem>) -> Self {
        let failure = problem.map(|p| Failure { reason: p.reason.to_owned(), message: p.message });
        Self { failure, resolving: true, ..Self::default() }
    }
}

/// Why a revision does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One word in CamelCase.
    pub reason: String,
    /// Which container, what happened.
    pub message: String,
}

/// Reads the state off the objects; `refused` is the API server's answer to our own write, if it said no.
pub fn assess(deployment: Option<&Value>, pods: &[Pod], refused: Option<&Error>, now: Timestamp) -> Health {
    let count = |field: &str| {
        let value = deployment.and_then(|d| d.pointer(field)).and_then(Value::as_u64).unwrap_or(0);
        u32::try_from(value).unwrap_or(u32::MAX)
    };
    let ready = count("/status/readyReplicas");
    let failure = refused
        .map(refusal)
        .or_else(|| if ready > 0 { None } else { pods.iter().find_map(|pod| pod_failure(pod, now)) })
        .or_else(|| deployment.and_then(replica_failure));
    let doubtful = failure.is_none() && pods.iter().any(is_doubtful);
    Health { desired: deployment.map_or(0, replicas), ready, failure, doubtful, resolving: false }
}

/// Whether a pod waits for a Secret that somebody may have deleted.
pub fn lacks_key(pods: &[Pod]) -> bool {
    pods.iter().any(|pod| waiting(pod, &["CreateContainerConfigError"]).is_some())
}

fn refusal(error: &Error) -> Failure {
    let reason = match (error, error.class(), error.code()) {
        (Error::Taken { .. }, ..) => "NameTaken",
        // A template that cannot even be decoded is an internal error to the API server.
        (_, Class::Invalid, _) | (_, _, Some(500)) => "InvalidTemplate",
        _ => "NotApplied",
    };
    Failure { reason: reason.to_owned(), message: error.to_string() }
}

fn pod_failure(pod: &Pod, now: Timestamp) -> Option<Failure> {
    let old =
        pod.metadata.creation_timestamp.as_ref().is_none_or(|at| now.duration_since(at.0).unsigned_abs() >= DOUBT);
    let container = waiting(pod, &FATAL).or_else(|| waiting(pod, &DOUBTFUL).filter(|_| old));
    container
        .map(|container| container_failure(pod, container))
        .or_else(|| unschedulable(pod).filter(|_| old))
        .or_else(|| overdue(pod, now))
}

/// A node may come for a pod that has none yet.
fn is_doubtful(pod: &Pod) -> bool {
    waiting(pod, &DOUBTFUL).is_some() || unschedulable(pod).is_some()
}

/// The first container that waits for one of these reasons.
fn waiting<'a>(pod: &'a Pod, reasons: &[&str]) -> Option<&'a ContainerStatus> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = pod.status.as_ref()?;
    let mut containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers.find(|container| {
        let state = container.state.as_ref().and_then(|s| s.waiting.as_ref());
        state.and_then(|w| w.reason.as_deref()).is_some_and(|reason| reasons.contains(&reason))
    })
}

fn container_failure(pod: &Pod, container: &ContainerStatus) -> Failure {
    let waiting = container.state.as_ref().and_then(|s| s.waiting.clone()).unwrap_or_default();
    let reason = waiting.reason.unwrap_or_default();
    let told = waiting.message.unwrap_or_else(|| reason.clone());
    let ended = container.last_state.as_ref().map(exit).unwrap_or_default();
    Failure {
        // The two names of one failure alternate; one of them keeps the condition still.
        reason: if reason == "ErrImagePull" { "ImagePullBackOff".to_owned() } else { reason },
        message: format!(
            "container '{}' of pod '{}', image '{}': {told}{ended}",
            container.name,
            pod.name_any(),
            container.image
        ),
    }
}

fn unschedulable(pod: &Pod) -> Option<Failure> {
    let conditions = pod.status.iter().flat_map(|s| &s.conditions).flatten();
    let scheduled = conditions.into_iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    Some(Failure {
        reason: scheduled.reason.clone().unwrap_or_else(|| "Unschedulable".to_owned()),
        message: format!("pod '{}': {}", pod.name_any(), scheduled.message.as_deref().unwrap_or("cannot be scheduled")),
    })
}

/// A pod that runs and was never ready in all the time that a start has, also while it ends for that.
fn overdue(pod: &Pod, now: Timestamp) -> Option<Failure> {
    let limit = Spec::default().progress_deadline;
    let started = pod.status.as_ref()?.start_time.as_ref()?.0;
    let tried = told_to_end(pod).unwrap_or(now).duration_since(started).unsigned_abs();
    let never_ready = phase(pod) == "Running" && was_never_ready(pod) == Some(true);
    (never_ready && tried + SLACK >= limit).then(|| Failure {
        reason: "ProgressDeadlineExceeded".to_owned(),
        message: format!(
            "pod '{}' runs, but its app did not answer within {} minutes: it must listen on the port that its container \
             declares, and pass its readiness probe",
            pod.name_any(),
            limit.as_secs() / 60
        ),
    })
}

/// When its deletion was asked for; the time in its metadata is that of the end of its grace.
fn told_to_end(pod: &Pod) -> Option<Timestamp> {
    let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
    pod.metadata.deletion_timestamp.as_ref().map(|end| end.0 - grace)
}

/// How a container ended: its exit code, the kubelet's reason if that says more, and the last line that it wrote.
fn exit(state: &ContainerState) -> String {
    let Some(ended) = &state.terminated else { return String::new() };
    let reason = ended.reason.as_deref().filter(|reason| !["Error", "Completed"].contains(reason));
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let said = ended.message.as_deref().and_then(last_line).map(|line| format!(": {line}")).unwrap_or_default();
    format!("; it exited with code {}{reason}{said}", ended.exit_code)
}

fn last_line(text: &str) -> Option<&str> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(&line[..line.floor_char_boundary(LAST_WORDS_MAX)])
}

/// Quota, admission and the like: the ReplicaSet cannot make pods at all.
fn replica_failure(deployment: &Value) -> Option<Failure> {
    let conditions = deployment.pointer("/status/conditions")?.as_array()?;
    let failed = conditions.iter().find(|c| c["type"] == "ReplicaFailure" && c["status"] == "True")?;
    let text = |field: &str| failed[field].as_str().unwrap_or_default().to_owned();
    Some(Failure { reason: text("reason"), message: text("message") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(reason: &str, created: Timestamp) -> Pod {
        let state = json!({ "waiting": { "reason": reason, "message": "because" } });
        let status =
            json!({ "name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        let pod = json!({ "metadata": { "name": "p", "creationTimestamp": created.to_string() },
            "status": { "containerStatuses": [status] } });
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn how_a_container_ended_is_told_by_code_reason_and_last_line() {
        let ended = |code: i32, reason: &str, message: Value| {
            let ended = json!({ "terminated": { "exitCode": code, "reason": reason, "message": message } });
            exit(&serde_json::from_value(ended).expect("a state"))
        };
        let output = json!("starting\npanicked: no DATABASE_URL\n\n");
        assert_eq!(ended(101, "Error", output), "; it exited with code 101: panicked: no DATABASE_URL");
        assert_eq!(ended(137, "OOMKilled", json!(null)), "; it exited with code 137 (OOMKilled)");
        let long = ended(1, "Error", json!("ä".repeat(LAST_WORDS_MAX)));
        assert_eq!(long, format!("; it exited with code 1: {}", "ä".repeat(LAST_WORDS_MAX / 2)));
    }

    #[test]
    fn a_reason_that_may_pass_counts_when_it_lasts() {
        let now = Timestamp::from_second(1_000).expect("a time");
        let at = |ago: i64| Timestamp::from_second(1_000 - ago).expect("a time");
        let young = assess(None, &[pod("CreateContainerConfigError", at(1))], None, now);
        assert_eq!((young.failure, young.doubtful), (None, true));
        let old = assess(None, &[pod("CreateContainerConfigError", at(9))], None, now);
        assert_eq!(old.failure.map(|f| f.reason).as_deref(), Some("CreateContainerConfigError"));
        let pull = assess(None, &[pod("ErrImagePull", at(9))], None, now);
        assert_eq!(pull.failure.map(|f| f.reason).as_deref(), Some("ImagePullBackOff"));
        let crash = assess(None, &[pod("CrashLoopBackOff", at(1))], None, now);
        assert!(crash.failure.is_some_and(|f| f.message.contains("because")));
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// Started at second 1000; the rest of its metadata and status.
    fn unready(phase: &str, since: i64, metadata: Value) -> Pod {
        let conditions = json!([{ "type": "Ready", "status": "False", "lastTransitionTime": time(since).to_string() }]);
        let status = json!({ "phase": phase, "startTime": time(1_000).to_string(), "conditions": conditions });
        let mut pod = json!({ "metadata": metadata, "status": status });
        pod["metadata"]["name"] = json!("p");
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn an_app_that_runs_but_does_not_answer_is_told_of_at_the_progress_deadline() {
        let pod = [unready("Running", 1_001, json!({}))];
        assert_eq!(assess(None, &pod, None, time(1_590)).failure, None);
        let failure = assess(None, &pod, None, time(1_599)).failure.expect("time is up");
        assert_eq!(failure.reason, "ProgressDeadlineExceeded");
        assert!(
            failure.message.starts_with("pod 'p' runs, but its app did not answer within 10 minutes"),
            "{failure:?}"
        );
        let ready = json!({ "status": { "readyReplicas": 1 } });
        assert_eq!(assess(Some(&ready), &pod, None, time(1_599)).failure, None, "another one answers");
    }

    #[test]
    fn only_a_start_can_be_overdue() {
        let ending =
            |end: i64| json!({ "deletionTimestamp": time(end).to_string(), "deletionGracePeriodSeconds": 300 });
        let told = |pod: Pod| assess(None, &[pod], None, time(9_000)).failure.is_some();
        assert!(told(unready("Running", 1_001, ending(1_901))), "it ends because its time was up");
        assert!(!told(unready("Running", 1_001, ending(1_320))), "told to end before, it takes long to");
        assert!(!told(unready("Running", 2_000, json!({}))), "it was ready once");
        assert!(!told(unready("Failed", 1_001, json!({}))), "evicted: nobody waits for it");
    }
}
