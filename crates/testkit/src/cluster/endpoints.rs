//! The EndpointSlice controller: for every Service with a selector, slices with the addresses of its pods.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::follow::{POD, SERVICE, SLICE};
use crate::api_server::{Local, Selector};

/// Endpoints in one slice (`--max-endpoints-per-slice`).
const IN_SLICE_MAX: usize = 100;
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Brings the slices of all Services up to date.
pub fn step(local: &Local) -> Option<Duration> {
    let all = Selector::default();
    let mut by_label: BTreeMap<(String, String, String), Vec<Arc<Value>>> = BTreeMap::new();
    for pod in local.list(POD, "", &all) {
        let namespace = text(&pod["metadata"]["namespace"]);
        for (key, value) in pod["metadata"]["labels"].as_object().into_iter().flatten() {
            by_label.entry((namespace.clone(), key.clone(), text(value))).or_default().push(pod.clone());
        }
    }
    let mut slices: BTreeMap<(String, String), Vec<Arc<Value>>> = BTreeMap::new();
    for slice in local.list(SLICE, "", &Selector::of_labels(&json!({ MANAGED_BY: CONTROLLER }))) {
        let service = text(&slice["metadata"]["labels"][SERVICE_NAME]);
        slices.entry((text(&slice["metadata"]["namespace"]), service)).or_default().push(slice);
    }
    for service in local.list(SERVICE, "", &all) {
        let (namespace, name) = (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"]));
        let selector = &service["spec"]["selector"];
        let Some((key, value)) = selector.as_object().and_then(|labels| labels.iter().next()) else { continue };
        let wanted = Selector::of_labels(selector);
        let pods = by_label.get(&(namespace.clone(), key.clone(), text(value))).map_or(&[][..], Vec::as_slice);
        let pods: Vec<_> = pods.iter().filter(|pod| wanted.matches(pod)).map(AsRef::as_ref).collect();
        let known = slices.remove(&(namespace, name)).unwrap_or_default();
        bring(local, &known, plan(&service, &pods));
    }
    // Of Services that are gone; the garbage collector would come too.
    for slice in slices.into_values().flatten() {
        let _ = local.delete(&slice, json!({}));
    }
    None
}

fn bring(local: &Local, known: &[Arc<Value>], wanted: Vec<Value>) {
    for (number, slice) in wanted.iter().enumerate() {
        // Whatever is refused now is tried again at the next change.
        match known.get(number) {
            Some(old)
                if ["endpoints", "ports"].iter().all(|field| old[field] == slice[field])
                    && old["metadata"]["labels"] == slice["metadata"]["labels"] => {}
            Some(old) => {
                let mut new = old.as_ref().clone();
                new["endpoints"] = slice["endpoints"].clone();
                new["ports"] = slice["ports"].clone();
                new["metadata"]["labels"] = slice["metadata"]["labels"].clone();
                let _ = local.update(new);
            }
            None => {
                let _ = local.create(slice.clone());
            }
        }
    }
    for old in known.iter().skip(wanted.len()) {
        let _ = local.delete(old, json!({}));
    }
}

/// The slices of a Service: one at least.
fn plan(service: &Value, pods: &[&Value]) -> Vec<Value> {
    let mut endpoints: Vec<Value> = pods.iter().filter_map(|pod| endpoint(service, pod)).collect();
    endpoints.sort_by_key(|endpoint| text(&endpoint["targetRef"]["name"]));
    let ports: Vec<Value> =
        service["spec"]["ports"].as_array().into_iter().flatten().map(|p| port(p, pods.first().copied())).collect();
    let name = text(&service["metadata"]["name"]);
    let mut labels: Map<String, Value> = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), name.clone().into());
    labels.insert(MANAGED_BY.to_owned(), CONTROLLER.into());
    if service["spec"]["clusterIP"] == "None" {
        labels.insert("service.kubernetes.io/headless".to_owned(), "".into());
    }
    let slice = |endpoints: &[Value]| {
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "generateName": format!("{name}-"),
                "namespace": service["metadata"]["namespace"],
                "labels": labels,
                "ownerReferences": [{ "apiVersion": "v1", "kind": "Service", "name": name,
                    "uid": service["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true }],
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": ports,
        })
    };
    if endpoints.is_empty() {
        return vec![slice(&[])];
    }
    endpoints.chunks(IN_SLICE_MAX).map(slice).collect()
}

/// A pod as an endpoint, once it has an address and until it has ended.
fn endpoint(service: &Value, pod: &Value) -> Option<Value> {
    let address = pod["status"]["podIP"].as_str()?;
    if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let serving = conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
    let terminating = pod["metadata"].get("deletionTimestamp").is_some();
    let ready = service["spec"]["publishNotReadyAddresses"] == true || (serving && !terminating);
    Some(json!({
        "addresses": [address],
        "conditions": { "ready": ready, "serving": serving, "terminating": terminating },
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": { "kind": "Pod", "namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"] },
    }))
}

/// A port of a Service as it is in its pods.
fn port(port: &Value, pod: Option<&Value>) -> Value {
    let target = match port["targetPort"].as_str() {
        Some(name) => {
            let containers = pod.and_then(|pod| pod["spec"]["containers"].as_array()).into_iter().flatten();
            let mut ports = containers.filter_map(|container| container["ports"].as_array()).flatten();
            ports.find(|p| p["name"] == name).map_or(Value::Null, |p| p["containerPort"].clone())
        }
        None => port["targetPort"].clone(),
    };
    let mut seen =
        json!({ "name": port["name"].as_str().unwrap_or_default(), "port": target, "protocol": port["protocol"] });
    if let Some(protocol) = port.get("appProtocol") {
        seen["appProtocol"] = protocol.clone();
    }
    seen
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ready: bool, leaving: bool) -> Value {
        let ready = if ready { "True" } else { "False" };
        let mut pod = json!({ "metadata": { "name": name }, "status": { "podIP": "10.0.0.1", "phase": "Running",
            "conditions": [{ "type": "Ready", "status": ready }] } });
        if leaving {
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        pod
    }

    #[test]
    fn one_that_ends_may_serve_but_is_not_ready() {
        let service = json!({ "metadata": { "name": "s" }, "spec": { "ports": [{ "port": 80, "targetPort": 8080 }] } });
        let (a, b, c) = (pod("a", true, false), pod("b", false, false), pod("c", true, true));
        let slices = plan(&service, &[&a, &b, &c]);
        let conditions: Vec<_> =
            slices[0]["endpoints"].as_array().expect("a list").iter().map(|e| &e["conditions"]).collect();
        let said =
            |ready, serving, terminating| json!({ "ready": ready, "serving": serving, "terminating": terminating });
        assert_eq!(conditions, [&said(true, true, false), &said(false, false, false), &said(false, true, true)]);
        assert_eq!(slices[0]["ports"][0]["port"], 8080);
    }

    #[test]
    fn a_slice_holds_a_hundred() {
        let service = json!({ "metadata": { "name": "s" }, "spec": {} });
        let pods: Vec<_> = (0..250).map(|i| pod(&format!("p{i:03}"), true, false)).collect();
        let slices = plan(&service, &pods.iter().collect::<Vec<_>>());
        let sizes: Vec<_> = slices.iter().map(|s| s["endpoints"].as_array().map_or(0, Vec::len)).collect();
        assert_eq!(sizes, [100, 100, 50]);
        assert_eq!(plan(&service, &[]).len(), 1);
    }
}
