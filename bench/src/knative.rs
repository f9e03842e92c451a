//! Apps of Knative Serving beside ours: a Configuration each, called at its activator, for there is no ingress.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::{image, service_address};
use e2e::{Space, wait_for};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::moments::Moments;

/// Where `bench/knative/install` puts it.
const SYSTEM: &str = "knative-serving";
/// Its pods are told to end after the stable window and its grace, and then take half a minute.
const ASLEEP: Duration = Duration::from_mins(3);
const READY: Duration = Duration::from_mins(2);
const ANSWER: Duration = Duration::from_secs(90);

/// Where an app answers: an address, and the fields that lead from there to it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whom to call.
    pub address: SocketAddr,
    /// `Name: value` of each field, Host first.
    pub fields: Vec<String>,
}

impl Entry {
    /// Asks the test application there, on a connection of its own; its answer has to be 200.
    ///
    /// # Errors
    /// Another answer, or none.
    pub async fn get(&self) -> Result<Moments> {
        let sent = Timestamp::now();
        let request = format!("GET / HTTP/1.1\r\n{}\r\nConnection: close\r\n\r\n", self.fields.join("\r\n"));
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            anyhow::Ok(answer)
        };
        let answer = timeout(ANSWER, exchange).await.context("no answer in time")??;
        let answered = Timestamp::now();
        let text = String::from_utf8_lossy(&answer);
        ensure!(text.starts_with("HTTP/1.1 200 "), "{}: {:.200}", self.fields.join(", "), text);
        Moments::told(sent, answered, |name| field(&text, name)).with_context(|| self.fields.join(", "))
    }
}

/// Value of a header field of an HTTP/1.1 message, whose name may be in any case; empty if it is not there.
fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let head = message.lines().skip(1).take_while(|line| !line.is_empty());
    let mut fields = head.filter_map(|line| line.split_once(':'));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
}

/// Makes an app of the test application that keeps at least `min` pods; with none it sleeps from the beginning.
///
/// # Errors
/// It does not become ready.
pub async fn create(space: &Space, name: &str, min: u32) -> Result<Entry> {
    let annotations = json!({
        "autoscaling.knative.dev/window": "6s",
        "autoscaling.knative.dev/min-scale": min.to_string(),
        "autoscaling.knative.dev/initial-scale": min.to_string(),
    });
    let container = json!({ "image": image("todoapp-testapp"), "ports": [{ "containerPort": 8080 }] });
    let configuration = json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Configuration",
        "metadata": { "name": name },
        "spec": { "template": { "metadata": { "annotations": annotations }, "spec": { "containers": [container] } } },
    });
    let api = configurations(space);
    api.patch(name, &PatchParams::apply("bench").force(), &Patch::Apply(configuration))
        .await
        .with_context(|| format!("Knative's app {name}: is it installed (bench/knative/install)?"))?;
    let revision = wait_for(&format!("Knative's app {name} ready"), READY, || async {
        let object = api.get(name).await?;
        let status = &object.data["status"];
        let revision = status["latestReadyRevisionName"].as_str();
        revision.map(str::to_owned).with_context(|| format!("status {status}"))
    })
    .await?;
    let address = service_address(&space.client(), SYSTEM, "activator-service", 80).await?;
    let fields = vec![
        format!("Host: {name}.example"),
        format!("Knative-Serving-Namespace: {}", space.name),
        format!("Knative-Serving-Revision: {revision}"),
    ];
    Ok(Entry { address, fields })
}

/// Waits until the app has no pod any more.
///
/// # Errors
/// It keeps one for too long.
pub async fn asleep(space: &Space, name: &str) -> Result<()> {
    wait_for(&format!("Knative's app {name} asleep"), ASLEEP, || async {
        let pods = pods(space, name).await?;
        ensure!(pods.is_empty(), "{} pods", pods.len());
        Ok(())
    })
    .await
}

async fn pods(space: &Space, name: &str) -> Result<Vec<Pod>> {
    let of_app = ListParams::default().labels(&format!("serving.knative.dev/configuration={name}"));
    Ok(space.api::<Pod>().list(&of_app).await?.items)
}

fn configurations(space: &Space) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("serving.knative.dev", "v1", "Configuration");
    Api::namespaced_with(space.client(), &space.name, &ApiResource::from_gvk(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_the_head_alone_and_in_any_case() {
        let message = "HTTP/1.1 200 OK\r\nTestapp-Started: 17\r\nempty:\r\n\r\nother: body\r\n";
        let found = ["testapp-started", "empty", "other"].map(|name| field(message, name));
        assert_eq!(found, ["17", "", ""]);
    }
}
