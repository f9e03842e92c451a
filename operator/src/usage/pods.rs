//! Pods, and what was measured of them, as the use of one resource: a pure reading, which sorts pods as the
//! HorizontalPodAutoscaler does. The app's containers count; the sidecar is ours and says nothing of the app.

use std::collections::BTreeMap;
use std::time::Duration;

use api::labels::SIDECAR_CONTAINER;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use scaling::{Metric, Usage};
use serde::Deserialize;

use super::Measured;
use super::quantity::nanos;
use crate::pod_status::{self, is_active, phase, was_never_ready};

/// For so long after its start the CPU of a pod may be that of starting.
const YOUNG: SignedDuration = SignedDuration::from_mins(5);

/// What metrics.k8s.io says of a pod.
#[derive(Debug, Clone, Deserialize)]
pub struct PodMetrics {
    /// End of the time that was measured.
    pub timestamp: Time,
    /// Its length.
    pub window: kube::core::Duration,
    /// Each container.
    pub containers: Vec<ContainerMetrics>,
}

/// What metrics.k8s.io says of a container.
#[derive(Debug, Clone, Deserialize)]
pub struct ContainerMetrics {
    /// Its name.
    pub name: String,
    /// Quantities by resource.
    pub usage: BTreeMap<String, String>,
}

/// A container requests nothing of the resource, so there is nothing to measure its use against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrequested {
    /// Its name.
    pub container: String,
}

/// Name of the resource that is the metric.
pub fn resource(metric: Metric) -> &'static str {
    if metric == Metric::Memory { "memory" } else { "cpu" }
}

/// What these pods use of the resource that is the metric.
///
/// # Errors
/// When a container does not request it.
pub fn usage(pods: &[Pod], measured: &Measured, metric: Metric, now: Timestamp) -> Result<Usage, Unrequested> {
    let resource = resource(metric);
    let (mut usage, mut used, mut requested) = (Usage::default(), 0u128, 0u128);
    for pod in pods.iter().filter(|pod| is_active(pod)) {
        let request = request(pod, resource)?;
        let metrics = measured.get(&pod.name_any());
        match metrics.and_then(|metrics| Some((metrics, use_of(pod, metrics, resource)?))) {
            _ if phase(pod) == "Pending" => usage.starting += 1,
            None => usage.missing += 1,
            Some((metrics, _)) if metric == Metric::Cpu && is_warming_up(pod, metrics, now) => usage.starting += 1,
            Some((_, amount)) => {
                usage.measured += 1;
                used = used.saturating_add(amount);
                requested = requested.saturating_add(request);
            }
        }
    }
    let percent = used.saturating_mul(100).checked_div(requested).unwrap_or(0);
    Ok(Usage { percent: u32::try_from(percent).unwrap_or(u32::MAX), ..usage })
}

/// The containers that run along with the pod, but for the sidecar.
fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = pod.spec.as_ref();
    let native_sidecars = spec.and_then(|spec| spec.init_containers.as_ref()).into_iter().flatten();
    let native_sidecars = native_sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let own = spec.into_iter().flat_map(|spec| &spec.containers).filter(|c| c.name != SIDECAR_CONTAINER);
    own.chain(native_sidecars)
}

/// What the containers request together.
fn request(pod: &Pod, resource: &str) -> Result<u128, Unrequested> {
    let of = |container: &Container| {
        let requests = container.resources.as_ref()?.requests.as_ref()?;
        nanos(&requests.get(resource)?.0).filter(|amount| *amount > 0)
    };
    let mut sum = 0u128;
    for container in containers(pod) {
        let amount = of(container).ok_or_else(|| Unrequested { container: container.name.clone() })?;
        sum = sum.saturating_add(amount);
    }
    Ok(sum)
}

/// What the containers use together; nothing when one of them was not measured.
fn use_of(pod: &Pod, metrics: &PodMetrics, resource: &str) -> Option<u128> {
    containers(pod).try_fold(0u128, |sum, container| {
        let measured = metrics.containers.iter().find(|measured| measured.name == container.name)?;
        sum.checked_add(nanos(measured.usage.get(resource)?)?)
    })
}

/// Whether what was measured is of a start. A young pod is not ready, or was not for all of the time measured; an older one
/// has not been ready since it started.
fn is_warming_up(pod: &Pod, metrics: &PodMetrics, now: Timestamp) -> bool {
    let started = pod.status.as_ref().and_then(|status| status.start_time.as_ref());
    let (Some(started), Some(ready)) = (started, pod_status::ready(pod)) else { return true };
    if now.duration_since(started.0) >= YOUNG {
        return was_never_ready(pod).unwrap_or(true);
    }
    let since = ready.last_transition_time.as_ref().map_or(Timestamp::MIN, |time| time.0);
    let ready_for = Duration::try_from(metrics.timestamp.0.duration_since(since)).ok();
    ready.status == "False" || ready_for.is_none_or(|time| time < Duration::from(metrics.window))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-01-01T12:00:00Z";

    /// A pod that runs, started and ready so many seconds ago, with these containers; since then unready if negative.
    fn pod(name: &str, started: i64, ready: i64, containers: &Value) -> Value {
        let at =
            |ago: i64| (NOW.parse::<Timestamp>().expect("a time") - jiff::SignedDuration::from_secs(ago)).to_string();
        let condition = json!({ "type": "Ready", "status": if ready < 0 { "False" } else { "True" },
            "lastTransitionTime": at(ready.abs()) });
        json!({ "metadata": { "name": name }, "spec": { "containers": containers },
            "status": { "phase": "Running", "startTime": at(started), "conditions": [condition] } })
    }

    fn app(requests: &Value) -> Value {
        json!([{ "name": "app", "resources": { "requests": requests } },
            { "name": SIDECAR_CONTAINER, "resources": { "requests": { "cpu": "5m", "memory": "8Mi" } } }])
    }

    fn old(name: &str) -> Value {
        pod(name, 1000, 900, &app(&json!({ "cpu": "100m", "memory": "128Mi" })))
    }

    fn measured(pods: &[(&str, Value)]) -> Measured {
        let metrics = |containers: &Value| {
            serde_json::from_value(json!({ "timestamp": NOW, "window": "15s", "containers": containers }))
                .expect("metrics")
        };
        pods.iter().map(|(name, containers)| ((*name).to_owned(), metrics(containers))).collect()
    }

    /// The app's container uses this much CPU, and the sidecar a whole core.
    fn uses(cpu: &str) -> Value {
        json!([{ "name": SIDECAR_CONTAINER, "usage": { "cpu": "1", "memory": "1Gi" } },
            { "name": "app", "usage": { "cpu": cpu, "memory": "64Mi" } }])
    }

    fn read(pods: &[Value], metrics: &[(&str, Value)], metric: Metric) -> Result<Usage, Unrequested> {
        let pods: Vec<Pod> = pods.iter().map(|pod| serde_json::from_value(pod.clone()).expect("a pod")).collect();
        usage(&pods, &measured(metrics), metric, NOW.parse().expect("a time"))
    }

    fn known(percent: u32, measured: u32) -> Usage {
        Usage { percent, measured, ..Usage::default() }
    }

    #[test]
    fn the_apps_containers_are_summed_over_pods_and_the_sidecar_is_none_of_them() {
        let pods = [old("a"), old("b")];
        let metrics = [("a", uses("30m")), ("b", uses("61500u")), ("gone", uses("9"))];
        assert_eq!(read(&pods, &metrics, Metric::Cpu), Ok(known(45, 2)), "91.5 of 200 millicores, rounded down");
        assert_eq!(read(&pods, &metrics, Metric::Memory), Ok(known(50, 2)));
        assert_eq!(read(&[], &[], Metric::Cpu), Ok(Usage::default()));
    }

    #[test]
    fn native_sidecars_count_and_other_init_containers_do_not() {
        let mut pod = old("a");
        pod["spec"]["initContainers"] = json!([{ "name": "once" },
            { "name": "log", "restartPolicy": "Always", "resources": { "requests": { "cpu": "300m" } } }]);
        let mut both = uses("100m");
        both.as_array_mut().expect("containers").push(json!({ "name": "log", "usage": { "cpu": "100m" } }));
        assert_eq!(read(&[pod.clone()], &[("a", both)], Metric::Cpu), Ok(known(50, 1)));
        let partly = read(&[pod], &[("a", uses("100m"))], Metric::Cpu);
        assert_eq!(partly, Ok(Usage { missing: 1, ..Usage::default() }), "one container was not measured");
    }

    #[test]
    fn pods_are_sorted_into_measured_missing_and_starting() {
        let (mut ended, mut going, mut pending) = (old("ended"), old("going"), old("pending"));
        ended["status"]["phase"] = json!("Failed");
        going["metadata"]["deletionTimestamp"] = json!(NOW);
        pending["status"]["phase"] = json!("Pending");
        let pods = [old("a"), old("unknown"), ended, going, pending];
        let metrics = ["a", "ended", "going"].map(|name| (name, uses("30m")));
        let expected = Usage { missing: 1, starting: 1, ..known(30, 1) };
        assert_eq!(read(&pods, &metrics, Metric::Cpu), Ok(expected));
    }

    #[test]
    fn the_cpu_of_a_start_says_nothing_of_the_load() {
        let requests = app(&json!({ "cpu": "100m", "memory": "128Mi" }));
        let of = |started, ready, metric| read(&[pod("a", started, ready, &requests)], &[("a", uses("90m"))], metric);
        let starting = Ok(Usage { starting: 1, ..Usage::default() });
        assert_eq!(of(20, 14, Metric::Cpu), starting, "ready for less than was measured");
        assert_eq!(of(20, 15, Metric::Cpu), Ok(known(90, 1)));
        assert_eq!(of(100, -50, Metric::Cpu), starting, "not ready");
        assert_eq!(of(301, -50, Metric::Cpu), Ok(known(90, 1)), "that is no start any more");
        assert_eq!(of(1000, -1000, Metric::Cpu), starting, "but one that was never ready still starts");
        assert_eq!(of(1000, -971, Metric::Cpu), starting);
        assert_eq!(of(1000, -970, Metric::Cpu), Ok(known(90, 1)), "it was ready for a moment");
        assert_eq!(of(20, 14, Metric::Memory), Ok(known(50, 1)), "memory stays");
    }

    #[test]
    fn a_container_that_requests_nothing_is_named() {
        let nothing =
            |requests| read(&[old("a"), pod("b", 900, 800, &app(&requests))], &[("a", uses("30m"))], Metric::Cpu);
        for requests in [json!({}), json!({ "memory": "1Gi" }), json!({ "cpu": "0" })] {
            assert_eq!(nothing(requests), Err(Unrequested { container: "app".to_owned() }));
        }
    }
}
