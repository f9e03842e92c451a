//! Which container of a pod is meant, and whether it has something to say.

use api::labels::SIDECAR_CONTAINER;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};
use kube::ResourceExt;

use crate::pods;

/// The container that is asked for, or the app's own: of those that are not the sidecar the one with a port, or else the
/// first.
///
/// # Errors
/// The pod has no such container; names those that it has.
pub fn container(pod: &Pod, asked: Option<&str>) -> Result<String, String> {
    let spec = pod.spec.as_ref();
    let all = || spec.into_iter().flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()));
    if let Some(asked) = asked {
        let known = || all().map(|container| format!("`{}`", container.name)).collect::<Vec<_>>().join(", ");
        let found = all().find(|container| container.name == asked).map(|container| container.name.clone());
        return found
            .ok_or_else(|| format!("pod `{}` has no container `{asked}`; there is {}", pod.name_any(), known()));
    }
    let own = || spec.into_iter().flat_map(|spec| &spec.containers).filter(|c| c.name != SIDECAR_CONTAINER);
    let listens = |container: &&Container| container.ports.as_ref().is_some_and(|ports| !ports.is_empty());
    let app = own().find(listens).or_else(|| own().next());
    app.map(|app| app.name.clone()).ok_or_else(|| format!("pod `{}` has no container", pod.name_any()))
}

/// The life of the container whose output there is: its ID, once it runs or has run.
pub fn life(pod: &Pod, container: &str) -> Option<String> {
    let status = status(pod, container)?;
    let state = status.state.as_ref()?;
    let ended = || state.terminated.as_ref().and_then(|ended| ended.container_id.clone());
    state.running.as_ref().and_then(|_| status.container_id.clone()).or_else(ended)
}

/// Why there is no output of it; of the life before the present one with `previous`.
pub fn silent(pod: &Pod, container: &str, previous: bool) -> Option<String> {
    let Some(status) = status(pod, container) else {
        return Some(format!("container {container} has not been looked at by a node yet"));
    };
    let before = status.last_state.as_ref().is_some_and(|state| state.terminated.is_some());
    if previous {
        return (!before).then(|| format!("container {container} runs for the first time"));
    }
    let state = status.state.as_ref()?;
    let waiting = state.waiting.as_ref().filter(|_| !before)?;
    let reason = waiting.reason.as_deref().unwrap_or("Waiting");
    Some(format!("container {container} has not started: {reason}"))
}

fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    pods::containers(pod).find(|status| status.name == container)
}
