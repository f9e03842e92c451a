//! What `helm install` makes, and what the cluster's DNS and Services make of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use api::{Revision, TodoApp};
use kube::CustomResourceExt;
use serde_json::{Value, json};
use testkit::api_server::{Local, Selector};
use testkit::{ApiServer, Network};

use super::{SLICE, Size};

/// Namespace of the installation.
pub const NAMESPACE: &str = "todoapp-system";
/// The operator's Deployment.
pub const OPERATOR: &str = "todoapp-operator";
/// The activator's Deployment and Service.
pub const ACTIVATOR: &str = "todoapp-activator";
/// Port of public traffic.
const PUBLIC_PORT: u16 = 8080;
const HUB: &str = "todoapp-hub";
const SETTINGS: &str = "todoapp-settings";

/// Makes the objects of the installation.
pub fn install(server: &ApiServer, size: Size) {
    server.install(&TodoApp::crd());
    server.install(&Revision::crd());
    server.add_namespace(NAMESPACE);
    let local = server.local("system:helm");
    let service = |name: &str, spec: Value| {
        let metadata = json!({ "name": name, "namespace": NAMESPACE });
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec })
    };
    let port = json!([{ "name": "http", "port": 80, "targetPort": PUBLIC_PORT }]);
    let objects = [
        settings(),
        service(ACTIVATOR, json!({ "selector": { "app": ACTIVATOR }, "ports": port })),
        service(HUB, json!({ "ports": [{ "name": "hub", "port": 9000 }] })),
        deployment(OPERATOR, size.operators),
        deployment(ACTIVATOR, size.activators),
    ];
    for object in objects {
        if let Err(refusal) = local.create(object) {
            panic!("the installation: {refusal:?}");
        }
    }
}

/// There are no registries here.
fn settings() -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": SETTINGS, "namespace": NAMESPACE },
        "data": { "registries": "resolve: false" } })
}

fn deployment(name: &str, replicas: u32) -> Value {
    let labels = json!({ "app": name });
    let pod = json!({ "containers": [{ "name": name, "image": name }], "terminationGracePeriodSeconds": 310 });
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": { "replicas": replicas, "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod } } })
}

/// Keeps the hub's name true to its endpoints, for ever.
pub async fn resolve(local: Local, network: Network) {
    let name = format!("{HUB}.{NAMESPACE}.svc.cluster.local");
    let mut known = Vec::new();
    loop {
        let changed = local.news().notified();
        let found: Vec<IpAddr> = endpoints(&local, NAMESPACE, HUB).iter().map(SocketAddr::ip).collect();
        if found != known {
            network.set_name(&name, &found);
            known = found;
        }
        changed.await;
    }
}

/// Where a Service leads: its ready endpoints, with the port of their slice.
pub fn endpoints(local: &Local, namespace: &str, service: &str) -> Vec<SocketAddr> {
    let slices = local.list(SLICE, namespace, &Selector::default());
    let ours = slices.iter().filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service);
    let of = |slice: &Arc<Value>| {
        let port = slice["ports"][0]["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
        let ready = slice["endpoints"].as_array().into_iter().flatten().filter(|e| e["conditions"]["ready"] == true);
        let addresses = ready.filter_map(|endpoint| endpoint["addresses"][0].as_str()?.parse().ok());
        addresses.map(|ip: IpAddr| SocketAddr::new(ip, port)).collect::<Vec<_>>()
    };
    ours.flat_map(of).collect()
}
