//! How an app is reached inside the cluster: for the app and for each tag a Service without selector, whose
//! EndpointSlice points at the activators, at a port that carries this app (or tag) alone. So any Host and any gRPC
//! authority work, and no Host header can reach another app. Pure.

use std::net::IpAddr;

use api::TodoApp;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::ApiResource;
use serde_json::json;

use super::metadata;
use super::traffic::Target;
use crate::apply::Desired;
use crate::error::Error;
use crate::ports::PortBook;

/// One way in: the app's own (no tag) or a tag's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// Tag.
    pub tag: Option<String>,
    /// Name of the Service, and of its EndpointSlice.
    pub service: String,
    /// Port of the activators.
    pub port: u16,
}

/// Owner name in the port book.
fn port_owner(namespace: &str, service: &str) -> String {
    format!("{namespace}/{service}")
}

/// Name of a tag's Service.
pub fn tag_service(tag: &str, app: &str) -> String {
    format!("{tag}-{app}")
}

/// The ports that the app's status names, with their owners.
pub fn stated_ports(app: &TodoApp) -> Vec<(String, u16)> {
    let (name, namespace) = (app.name_any(), app.namespace().unwrap_or_default());
    let Some(status) = &app.status else { return Vec::new() };
    let own = status.cluster_port.map(|port| (name.clone(), port));
    let tags = status.traffic.iter().filter_map(|t| Some((tag_service(t.tag.as_ref()?, &name), t.cluster_port?)));
    own.into_iter().chain(tags).map(|(service, port)| (port_owner(&namespace, &service), port)).collect()
}

/// The app's door and those of its tags, each with its port.
pub fn doors(app: &TodoApp, targets: &[Target], book: &mut PortBook) -> Result<Vec<Door>, Error> {
    let (name, namespace) = (app.name_any(), app.namespace().unwrap_or_default());
    let status = app.status.clone().unwrap_or_default();
    let mut door = |tag: Option<&String>, stated: Option<u16>| {
        let service = tag.map_or_else(|| name.clone(), |tag| tag_service(tag, &name));
        let port = book.claim(&port_owner(&namespace, &service), stated)?;
        Ok(Door { tag: tag.cloned(), service, port })
    };
    let mut doors = vec![door(None, status.cluster_port)?];
    for tag in targets.iter().filter_map(|t| t.tag.as_ref()) {
        let stated = status.traffic.iter().find(|t| t.tag.as_ref() == Some(tag)).and_then(|t| t.cluster_port);
        doors.push(door(Some(tag), stated)?);
    }
    Ok(doors)
}

/// Kind of [`service`].
pub fn service_resource() -> ApiResource {
    ApiResource::erase::<Service>(&())
}

/// Kind of [`slice`].
pub fn slice_resource() -> ApiResource {
    ApiResource::erase::<EndpointSlice>(&())
}

/// The Service that clients in the cluster call, on port 80.
pub fn service(app: &TodoApp, door: &Door) -> Result<Desired, Error> {
    let protocol = if app.spec.template.app_port().h2c { "kubernetes.io/h2c" } else { "http" };
    let body = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(app, &door.service)?,
        "spec": {
            "type": "ClusterIP",
            "ports": [{ "name": "http", "port": 80, "targetPort": door.port, "protocol": "TCP", "appProtocol": protocol }],
        },
    });
    Ok(Desired { resource: service_resource(), body })
}

/// Its EndpointSlice; none while no activator is known: what is there stays.
pub fn slice(app: &TodoApp, door: &Door, activators: &[IpAddr]) -> Result<Option<Desired>, Error> {
    let Some(first) = activators.first() else { return Ok(None) };
    let same_family = activators.iter().filter(|a| a.is_ipv4() == first.is_ipv4());
    let endpoints: Vec<_> =
        same_family.map(|a| json!({ "addresses": [a.to_string()], "conditions": { "ready": true } })).collect();
    let mut metadata = metadata(app, &door.service)?;
    metadata["labels"]["kubernetes.io/service-name"] = door.service.clone().into();
    metadata["labels"]["endpointslice.kubernetes.io/managed-by"] = "todoapp.dev".into();
    let body = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": if first.is_ipv4() { "IPv4" } else { "IPv6" },
        "ports": [{ "name": "http", "port": door.port, "protocol": "TCP" }],
        "endpoints": endpoints,
    });
    Ok(Some(Desired { resource: slice_resource(), body }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::{app, template};

    #[test]
    fn app_and_tags_have_a_service_and_a_port_each() {
        let app = app(json!({ "template": template() }));
        let targets = [Target { revision: "shop-00001".into(), percent: 100, tag: Some("blue".into()) }];
        let doors = doors(&app, &targets, &mut PortBook::default()).expect("ports");
        assert_eq!(doors.iter().map(|d| d.service.as_str()).collect::<Vec<_>>(), ["shop", "blue-shop"]);
        assert_ne!(doors[0].port, doors[1].port);
        let slice = slice(&app, &doors[0], &["10.0.0.1".parse().expect("ip"), "10.0.0.2".parse().expect("ip")])
            .expect("valid")
            .expect("activators");
        assert_eq!(slice.body["ports"][0]["port"], doors[0].port);
        assert_eq!(slice.body["endpoints"].as_array().map(Vec::len), Some(2));
        assert_eq!(slice.body["metadata"]["labels"]["kubernetes.io/service-name"], "shop");
    }

    #[test]
    fn without_activators_what_is_there_stays() {
        let app = app(json!({ "template": template() }));
        let door = Door { tag: None, service: "shop".into(), port: 10_001 };
        assert!(slice(&app, &door, &[]).expect("valid").is_none());
    }
}
