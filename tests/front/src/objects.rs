//! What the operator would have written of one app: `TodoApp`, `Revision` and `EndpointSlice`.

use std::net::IpAddr;

use anyhow::{Result, anyhow};
use api::{Revision, TodoApp, labels};
use kube::CustomResourceExt;
use serde_json::{Value, json};
use testkit::api_server::Local;
use testkit::{ApiServer, Clock, Seed};

/// Host under which the public port knows the app.
pub const HOST: &str = "localhost";
/// The app's own port at the activator: any Host is right there.
pub const CLUSTER_PORT: u16 = 10_000;

const NAMESPACE: &str = "default";
const NAME: &str = "app";
const REVISION: &str = "app-00001";

/// The app: all of its traffic goes to one revision.
#[derive(Debug, Clone, Default)]
pub struct OneApp {
    /// Where its queue-proxies are; none: it sleeps.
    pub pods: Vec<IpAddr>,
    /// It speaks HTTP/2.
    pub h2c: bool,
}

/// An API server that knows the app. Must be called within a tokio runtime.
///
/// # Errors
/// The server refuses one of the objects: they no longer fit the kinds.
pub fn server(app: &OneApp) -> Result<ApiServer> {
    let server = ApiServer::new(Clock::start(), Seed::new(1));
    server.install(&TodoApp::crd());
    server.install(&Revision::crd());
    let local = server.local("operator");
    let revision = create(&local, revision(app.h2c))?;
    let uid = revision["metadata"]["uid"].clone();
    create(&local, slice(&uid, &app.pods))?;
    let routed = create(&local, todoapp())?;
    local.patch_status(&routed, status()).map_err(|refusal| anyhow!("status of the app: {refusal:?}"))?;
    Ok(server)
}

fn create(local: &Local, object: Value) -> Result<std::sync::Arc<Value>> {
    let kind = object["kind"].clone();
    local.create(object).map_err(|refusal| anyhow!("{kind}: {refusal:?}"))
}

fn template(h2c: bool) -> Value {
    let name = if h2c { "h2c" } else { "http" };
    json!({ "spec": { "containers": [{ "image": "app:1", "ports": [{ "containerPort": 8080, "name": name }] }] } })
}

fn todoapp() -> Value {
    json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
        "metadata": { "name": NAME, "namespace": NAMESPACE },
        "spec": { "template": template(false) },
    })
}

fn status() -> Value {
    json!({
        "url": format!("http://{HOST}"),
        "clusterPort": CLUSTER_PORT,
        "traffic": [{ "revision": REVISION, "percent": 100 }],
    })
}

fn revision(h2c: bool) -> Value {
    json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
        "metadata": { "name": REVISION, "namespace": NAMESPACE, "labels": { labels::APP: NAME } },
        "spec": { "template": template(h2c) },
    })
}

fn slice(uid: &Value, pods: &[IpAddr]) -> Value {
    let endpoints: Vec<Value> =
        pods.iter().map(|pod| json!({ "addresses": [pod], "conditions": { "ready": true } })).collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": REVISION, "namespace": NAMESPACE,
            "labels": { labels::REVISION: REVISION, labels::REVISION_UID: uid },
        },
        "addressType": "IPv4",
        "ports": [{ "port": labels::SIDECAR_PORT }],
        "endpoints": endpoints,
    })
}
