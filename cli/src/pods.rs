//! What a pod says of itself, in a word.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;

/// As the column STATUS of kubectl, as far as it matters here.
pub fn state(pod: &Pod) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "Terminating".to_owned();
    }
    let status = pod.status.as_ref();
    if let Some(reason) = containers(pod).find_map(trouble) {
        return reason.to_owned();
    }
    let reason = status.and_then(|status| status.reason.clone());
    reason.or_else(|| status?.phase.clone()).unwrap_or_else(|| "Pending".to_owned())
}

/// Its containers, those that run before the others included.
pub fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.iter();
    status.flat_map(|status| status.init_container_statuses.iter().chain(&status.container_statuses)).flatten()
}

/// Why a container does not run, other than that it is being made.
fn trouble(container: &ContainerStatus) -> Option<&str> {
    let state = container.state.as_ref()?;
    let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
    let ended = state.terminated.as_ref().filter(|ended| ended.exit_code != 0);
    let ended = ended.map(|ended| ended.reason.as_deref().unwrap_or("Error"));
    waiting.filter(|reason| !["ContainerCreating", "PodInitializing"].contains(reason)).or(ended)
}

/// Whether it takes requests, as the cluster sees it.
pub fn is_ready(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| &status.conditions).flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Starts of its containers after the first.
pub fn restarts(pod: &Pod) -> i32 {
    containers(pod).map(|container| container.restart_count).sum()
}

/// The oldest first, and by name where they are alike.
pub fn sort(pods: &mut [Pod]) {
    pods.sort_by_key(|pod| (pod.creation_timestamp().map(|made| made.0), pod.name_any()));
}
