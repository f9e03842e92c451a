//! A pod of a revision: the queue-proxy as it is, an application, and what a kubelet does to both.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use api::labels::{SIDECAR_ADMIN_PORT, SIDECAR_CONTAINER};
use k8s_openapi::ByteString;
use serde_json::Value;
use testkit::api_server::Local;
use testkit::cluster::program::Running;
use testkit::net::{Dialer, Host};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::app::{self, Behaviour};
use crate::executions::Executions;
use crate::{http, kubelet};

/// Runs the pod until it is told to end, or its application dies.
pub async fn run(
    host: Host,
    secrets: Local,
    behaviour: Behaviour,
    executions: Arc<Executions>,
    running: Running,
) -> i32 {
    let environment = environment(&secrets, &running.pod);
    let config = queue_proxy::Config::from_env(|name| environment.get(name).cloned());
    let config = config.unwrap_or_else(|invalid| panic!("the operator's environment for a queue-proxy: {invalid}"));
    let (told, end) = (running.terminating, CancellationToken::new());
    let sidecar = queue_proxy::run_on(config, Dialer(host.clone()), Arc::default(), told.clone());
    let application = app::run(host.clone(), behaviour, executions, running.random, end.clone());
    tokio::select! {
        biased;
        code = async { match application.await { 0 => pending().await, code => code } } => code,
        _ = sidecar => 0,
        () = tend(&host, &running.ready, &told, &end) => 0,
    }
}

/// The kubelet's part: asks whether the pod is ready, and tells the application to end when preStop has its answer.
async fn tend(host: &Host, ready: &watch::Sender<bool>, told: &CancellationToken, end: &CancellationToken) {
    let admin = SocketAddr::new(host.address(), SIDECAR_ADMIN_PORT);
    told.run_until_cancelled(kubelet::probe(host, SIDECAR_ADMIN_PORT, ready)).await;
    let _ = http::get(host, admin, "pod", "/drain").await;
    end.cancel();
    pending::<()>().await;
}

/// What the sidecar's container is given.
fn environment(secrets: &Local, pod: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let sidecar = containers.into_iter().find(|container| container["name"] == SIDECAR_CONTAINER);
    let variables = sidecar.and_then(|sidecar| sidecar["env"].as_array()).into_iter().flatten();
    let value = |variable: &Value| {
        let wanted = &variable["valueFrom"]["secretKeyRef"];
        let Some(name) = wanted["name"].as_str() else { return text(&variable["value"]) };
        let secret = secrets.get(("v1", "Secret"), &text(&pod["metadata"]["namespace"]), name);
        secret.map(|secret| decoded(&secret["data"][text(&wanted["key"])])).unwrap_or_default()
    };
    let named = variables.map(|variable| (text(&variable["name"]), value(variable)));
    named.chain([("HOSTNAME".to_owned(), text(&pod["metadata"]["name"]))]).collect()
}

/// A value of a Secret's `data`.
fn decoded(value: &Value) -> String {
    let bytes: ByteString = serde_json::from_value(value.clone()).unwrap_or_default();
    String::from_utf8_lossy(&bytes.0).into_owned()
}
