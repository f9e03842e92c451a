//! Why pods do not start, as they say it themselves.

use std::time::Duration;

use api::condition::{UNPLACED, UNSCHEDULABLE};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use kube::ResourceExt;
use scaling::Spec;

use super::{DOUBT, Failure};
use crate::pod_status::{phase, was_never_ready};

/// Waiting reasons that do not pass by themselves (kubelet's names).
const FATAL: [&str; 4] = ["ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CrashLoopBackOff"];
/// Waiting reasons that a kubelet under load may give for a moment ("failed to sync secret cache"): they count once the
/// pod is older than [`DOUBT`].
const DOUBTFUL: [&str; 5] =
    ["ErrImagePull", "ImageInspectError", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"];
/// Most of an app's last words that a message repeats, in bytes.
const LAST_WORDS_MAX: usize = 256;
/// A pod is there a moment after it was asked for, from when on the deadline counts.
const SLACK: Duration = Duration::from_secs(5);

/// Why they do not start, what a person has to mend before what may pass: all waits are over when they are told of that.
pub(super) fn failure(pods: &[Pod], now: Timestamp) -> Option<Failure> {
    let first = |read: &dyn Fn(&Pod) -> Option<Failure>| pods.iter().find_map(read);
    first(&|pod| broken(pod, now))
        .or_else(|| first(&|pod| overdue(pod, now)))
        .or_else(|| first(&|pod| unschedulable(pod).filter(|_| is_old(pod, now))))
}

/// Whether something looks wrong that may pass in a moment: a node may come for a pod that has none yet.
pub(super) fn are_doubtful(pods: &[Pod]) -> bool {
    pods.iter().any(|pod| waiting(pod, &DOUBTFUL).is_some() || unschedulable(pod).is_some())
}

/// Whether a pod waits for a Secret that somebody may have deleted.
pub fn lacks_key(pods: &[Pod]) -> bool {
    pods.iter().any(|pod| waiting(pod, &["CreateContainerConfigError"]).is_some())
}

fn is_old(pod: &Pod, now: Timestamp) -> bool {
    pod.metadata.creation_timestamp.as_ref().is_none_or(|at| now.duration_since(at.0).unsigned_abs() >= DOUBT)
}

fn broken(pod: &Pod, now: Timestamp) -> Option<Failure> {
    let container = waiting(pod, &FATAL).or_else(|| waiting(pod, &DOUBTFUL).filter(|_| is_old(pod, now)))?;
    Some(container_failure(pod, container))
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

/// Its reason is one of [`UNPLACED`].
fn unschedulable(pod: &Pod) -> Option<Failure> {
    let conditions = pod.status.iter().flat_map(|s| &s.conditions).flatten();
    let scheduled = conditions.into_iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    let known = UNPLACED.into_iter().find(|known| scheduled.reason.as_deref() == Some(known));
    Some(Failure {
        reason: known.unwrap_or(UNSCHEDULABLE).to_owned(),
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

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
}
