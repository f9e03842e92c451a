//! The bound of a cold start: what Kubernetes itself needs for the same pod without any of ours in it.
//!
//! Each Deployment here is a copy of one that the operator made, with a second test application in the sidecar's place
//! that knows nothing of hub, probes or requests. Measured is scale PATCH → both containers listen.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::image;
use e2e::http::Target;
use e2e::{Space, wait_for};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::Sample;
use crate::moments::moment;

const LABEL: &str = "bench/floor";
const LIMIT: Duration = Duration::from_secs(30);
/// Ports of the two programs; the app's is the test application's own.
const PORTS: [u16; 2] = [8080, 8012];

/// Deployments that are copies of an app's.
pub struct Floor {
    space: Space,
    names: Vec<String>,
}

/// Scale PATCH → the app's container listens; → the one in the sidecar's place does too.
#[derive(Debug, Clone, Default)]
pub struct Bound(pub [Sample; 2]);

impl Floor {
    /// As many copies of the Deployment `model`, asleep.
    pub async fn copy(space: &Space, model: &str, count: usize) -> Result<Self> {
        let api: Api<Deployment> = space.api();
        let model = serde_json::to_value(api.get(model).await?)?;
        let names: Vec<String> = (0..count).map(|index| format!("floor-{index}")).collect();
        for name in &names {
            let copy = serde_json::from_value(copy(&model, name)?)?;
            api.create(&PostParams::default(), &copy).await.with_context(|| format!("creating {name}"))?;
        }
        Ok(Self { space: space.clone(), names })
    }

    /// Wakes `count` of them, one after the other, and lets all go again.
    pub async fn round(&self, count: usize, bound: &mut Bound) -> Result<()> {
        let woken = || self.names.iter().take(count);
        for name in woken() {
            self.wake(name, bound).await?;
        }
        for name in woken() {
            self.scale(name, 0).await?;
        }
        for name in woken() {
            wait_for(&format!("no pod of {name}"), LIMIT, || async {
                ensure!(self.pods(name).await?.is_empty(), "pods are left");
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    async fn wake(&self, name: &str, bound: &mut Bound) -> Result<()> {
        let begun = Timestamp::now();
        self.scale(name, 1).await?;
        for (port, sample) in PORTS.into_iter().zip(&mut bound.0) {
            let listened = self.listened(name, port).await?;
            sample.push(Duration::try_from(listened.duration_since(begun))?);
        }
        Ok(())
    }

    /// Asked after the fact: the pod's address is seen in the API long after its programs run.
    async fn listened(&self, name: &str, port: u16) -> Result<Timestamp> {
        let reply = wait_for(&format!("{name} on port {port}"), LIMIT, || async {
            let pods = self.pods(name).await?;
            let status = pods.first().and_then(|pod| pod.status.clone()).unwrap_or_default();
            let address = SocketAddr::new(status.pod_ip.context("no address yet")?.parse()?, port);
            Target { address, host: name.to_owned() }.get("/").await?.expect(200)
        })
        .await?;
        moment(reply.header("testapp-listening"))
    }

    async fn pods(&self, name: &str) -> Result<Vec<Pod>> {
        let ours = ListParams::default().labels(&format!("{LABEL}={name}"));
        Ok(self.space.api::<Pod>().list(&ours).await?.items)
    }

    async fn scale(&self, name: &str, replicas: u32) -> Result<()> {
        let api: Api<Deployment> = self.space.api();
        let body = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        api.patch_scale(name, &PatchParams::default(), &body).await?;
        Ok(())
    }
}

/// The same pod under labels of its own, with the test application in both containers.
fn copy(model: &Value, name: &str) -> Result<Value> {
    let labels = json!({ LABEL: name });
    let mut pod = model.pointer("/spec/template/spec").context("a Deployment without a pod")?.clone();
    let containers = pod["containers"].as_array_mut().context("a pod without containers")?;
    ensure!(containers.len() == PORTS.len(), "{} containers", containers.len());
    for (container, port) in containers.iter_mut().zip(PORTS) {
        container["image"] = json!(image("todoapp-testapp"));
        for probe in ["readinessProbe", "lifecycle"] {
            container.as_object_mut().context("a container")?.remove(probe);
        }
        let env = container["env"].as_array_mut().context("no env")?;
        env.retain(|e| e["name"] != "PORT");
        env.push(json!({ "name": "PORT", "value": port.to_string() }));
    }
    pod["terminationGracePeriodSeconds"] = json!(1);
    Ok(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name },
        "spec": {
            "replicas": 0,
            "revisionHistoryLimit": 1,
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod },
        },
    }))
}
