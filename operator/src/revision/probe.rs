//! The app's readiness probe moves into the queue-proxy, which asks every few milliseconds instead of every second.

use serde_json::{Map, Value, json};

/// Takes an http, tcp or grpc probe out of the container and returns it, ports resolved to numbers; an exec probe
/// stays where it is, and the queue-proxy then looks whether the app's port is open.
pub fn take(app: &mut Map<String, Value>) -> Value {
    let tcp = || json!({ "tcpSocket": {} });
    let movable = |probe: &Value| ["httpGet", "tcpSocket", "grpc"].iter().any(|kind| probe.get(kind).is_some());
    match app.remove("readinessProbe") {
        Some(probe) if movable(&probe) => number_ports(probe, app),
        Some(other) => {
            app.insert("readinessProbe".to_owned(), other);
            tcp()
        }
        None => tcp(),
    }
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
    fn without_a_probe_an_open_port_is_ready() {
        assert_eq!(take(&mut container(json!({}))), json!({ "tcpSocket": {} }));
    }
}
