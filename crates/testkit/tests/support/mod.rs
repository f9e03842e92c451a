//! Objects to play with.
#![allow(dead_code, reason = "not every test needs every one of them")]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use testkit::{ApiServer, Clock, Seed};

/// An empty cluster.
pub fn server(seed: u64) -> ApiServer {
    ApiServer::new(Clock::start(), Seed::new(seed))
}

/// A Deployment with one container.
pub fn deployment(name: &str) -> Deployment {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "app", "image": "app:1" }] },
            },
        },
    });
    serde_json::from_value(deployment).expect("a Deployment")
}

/// A pod with one container.
pub fn pod(name: &str, node: Option<&str>) -> Pod {
    let spec = json!({ "containers": [{ "name": "app", "image": "app:1" }], "nodeName": node });
    serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec })).expect("a Pod")
}

/// What the server refused with.
pub fn code<T: std::fmt::Debug>(answer: kube::Result<T>) -> (u16, String) {
    match answer {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone()),
        other => panic!("not refused: {other:?}"),
    }
}
