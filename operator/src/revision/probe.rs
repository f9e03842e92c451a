//! The app's readiness probe moves into the queue-proxy, which asks every few milliseconds instead of every second.

use k8s_openapi::api::core::v1::Probe;
use serde_json::{Map, Value, json};

const KINDS: [&str; 3] = ["httpGet", "tcpSocket", "grpc"];

/// Takes an http, tcp or grpc probe out of the container and returns it, ports resolved to numbers. An exec probe stays
/// where it is, and so does one that is wrong, for the API server and the kubelet to say so; the queue-proxy then looks
/// whether the app's port is open.
pub fn take(app: &mut Map<String, Value>) -> Value {
    let tcp = || json!({ "tcpSocket": {} });
    let Some(probe) = app.remove("readinessProbe") else { return tcp() };
    let numbered = number_ports(probe.clone(), app);
    if is_movable(&numbered) {
        return numbered;
    }
    app.insert("readinessProbe".to_owned(), probe);
    tcp()
}

/// Whether it asks one question that the queue-proxy understands: it does not start with another.
fn is_movable(probe: &Value) -> bool {
    let mut kinds = KINDS.iter().filter_map(|kind| probe.get(kind));
    let (Some(question), None, None) = (kinds.next(), kinds.next(), probe.get("exec")) else { return false };
    let port = question.get("port").is_none_or(|port| port.as_u64().is_some_and(|port| (1..=65_535).contains(&port)));
    // What Kubernetes has of it: types of all fields, and numbers of 32 bits.
    let Ok(read) = serde_json::from_value::<Probe>(probe.clone()) else { return false };
    let times = [read.timeout_seconds, read.period_seconds, read.success_threshold, read.failure_threshold];
    port && question.is_object() && times.iter().flatten().all(|number| *number >= 0)
}

fn number_ports(mut probe: Value, app: &Map<String, Value>) -> Value {
    for kind in ["httpGet", "tcpSocket"] {
        if let Some(port) = probe.get_mut(kind).and_then(|action| action.get_mut("port"))
            && let Some(number) = port.as_str().and_then(|name| port_of(app, name))
        {
            *port = number;
        }
    }
    probe
}

fn port_of(app: &Map<String, Value>, name: &str) -> Option<Value> {
    let ports = app.get("ports")?.as_array()?;
    ports.iter().find(|p| p["name"] == name)?.get("containerPort").cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_network_probe_moves_and_its_port_becomes_a_number() {
        let mut app = container(json!({ "ports": [{ "name": "web", "containerPort": 3001 }],
            "readinessProbe": { "httpGet": { "path": "/ok", "port": "web" }, "periodSeconds": 3 } }));
        assert_eq!(take(&mut app), json!({ "httpGet": { "path": "/ok", "port": 3001 }, "periodSeconds": 3 }));
        assert!(!app.contains_key("readinessProbe"));
    }

    #[test]
    fn an_exec_probe_stays() {
        let mut app = container(json!({ "readinessProbe": { "exec": { "command": ["true"] } } }));
        assert_eq!(take(&mut app), json!({ "tcpSocket": {} }));
        assert!(app.contains_key("readinessProbe"));
    }

    #[test]
    fn a_probe_that_is_wrong_stays_for_kubernetes_to_say_so() {
        for wrong in [
            json!({ "httpGet": { "port": "nobody's" } }),
            json!({ "httpGet": { "port": 70_000 } }),
            json!({ "tcpSocket": { "port": -1 } }),
            json!({ "tcpSocket": "x" }),
            json!({ "tcpSocket": {}, "httpGet": {} }),
            json!({ "tcpSocket": {}, "exec": {} }),
            json!({ "tcpSocket": {}, "periodSeconds": -1 }),
            json!({ "tcpSocket": {}, "timeoutSeconds": "1s" }),
            json!({ "grpc": { "port": 1, "service": 2 } }),
            json!({ "httpGet": { "httpHeaders": [{ "value": 1 }] } }),
            json!(3),
        ] {
            let mut app = container(json!({ "readinessProbe": wrong }));
            assert_eq!(take(&mut app), json!({ "tcpSocket": {} }), "{wrong}");
            assert_eq!(app["readinessProbe"], wrong);
        }
    }

    #[test]
    fn without_a_probe_an_open_port_is_ready() {
        assert_eq!(take(&mut container(json!({}))), json!({ "tcpSocket": {} }));
    }
}
