//! What a pod says of itself, read alike by all who ask.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Pod, PodCondition};

/// A pod that is not ready since so soon after its start was never ready: the kubelet says so a moment after it starts.
const FIRST_STATUS: SignedDuration = SignedDuration::from_secs(30);

/// Its phase, empty while it has none.
pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Whether it has not ended and is not told to: what Kubernetes' controllers count (`IsPodActive`).
pub fn is_active(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase(pod), "Succeeded" | "Failed")
}

/// Its condition Ready.
pub fn ready(pod: &Pod) -> Option<&PodCondition> {
    let mut conditions = pod.status.iter().flat_map(|status| &status.conditions).flatten();
    conditions.find(|condition| condition.type_ == "Ready")
}

/// Whether it takes requests, as the cluster sees it.
pub fn is_ready(pod: &Pod) -> bool {
    ready(pod).is_some_and(|ready| ready.status == "True")
}

/// Whether it is not ready and has not been since it started (the HorizontalPodAutoscaler's rule); none when a time that
/// would tell is missing.
pub fn was_never_ready(pod: &Pod) -> Option<bool> {
    let ready = ready(pod)?;
    if ready.status != "False" {
        return Some(false);
    }
    let started = pod.status.as_ref()?.start_time.as_ref()?;
    let since = ready.last_transition_time.as_ref()?;
    Some(since.0.duration_since(started.0) < FIRST_STATUS)
}
