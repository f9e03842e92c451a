//! What the demo reads from the cluster and runs in it, through the API server alone: the same for the node of this
//! checkout and for a cluster far away.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::join_all;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, LogParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    figures::{APPS, NAMESPACE},
    wakes::{ColdStart, Waited, Woken, cold_starts},
};

/// Where todoapp is installed.
pub(crate) const SYSTEM: &str = "todoapp-system";
/// Label of the pods that the demo makes for itself; `run` removes by it what an interrupt left.
const OWN: (&str, &str) = ("app.kubernetes.io/name", "todoapp-demo");

/// A cluster with todoapp in it.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
}

impl Cluster {
    /// The cluster of `KUBECONFIG`.
    pub(crate) async fn connect() -> Result<Self> {
        let client = Client::try_default().await.context("connecting to the cluster of KUBECONFIG")?;
        Ok(Self { client })
    }

    fn pods_of(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The app as the operator sees it.
    pub(crate) async fn app(&self, name: &str) -> Result<api::TodoApp> {
        let apps: Api<api::TodoApp> = Api::namespaced(self.client.clone(), NAMESPACE);
        apps.get(name).await.with_context(|| format!("reading TodoApp {name}"))
    }

    /// The cluster's address of a Service.
    pub(crate) async fn service_address(&self, namespace: &str, name: &str) -> Result<String> {
        let services: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        let service = services.get(name).await.with_context(|| format!("reading Service {name}"))?;
        service.spec.and_then(|spec| spec.cluster_ip).with_context(|| format!("Service {name} has no address"))
    }

    /// Of each app, the pods that live and those that end.
    pub(crate) async fn pods(&self) -> Result<[(u32, u32); APPS.len()]> {
        let any_app = ListParams::default().labels(api::labels::APP).match_any();
        let pods = self.pods_of(NAMESPACE).list_metadata(&any_app).await.context("listing pods")?;
        let mut counted = [(0, 0); APPS.len()];
        for pod in pods {
            let app = pod.labels().get(api::labels::APP).and_then(|app| APPS.iter().position(|known| known == app));
            match app {
                Some(app) if pod.metadata.deletion_timestamp.is_some() => counted[app].1 += 1,
                Some(app) => counted[app].0 += 1,
                None => {}
            }
        }
        Ok(counted)
    }

    /// Names of the processes of a component, `activator` or `operator`, that take part now.
    pub(crate) async fn processes(&self, component: &str) -> Result<Vec<String>> {
        let labels = format!("app.kubernetes.io/name=todoapp,app.kubernetes.io/component={component}");
        let pods = self.pods_of(SYSTEM).list(&ListParams::default().labels(&labels)).await?;
        let running = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            pod.metadata.deletion_timestamp.is_none() && phase == Some("Running")
        };
        Ok(pods.into_iter().filter(running).map(|pod| pod.name_any()).collect())
    }

    /// What a process answers on its admin port.
    pub(crate) async fn admin(&self, process: &str, path: &str) -> Result<String> {
        let address = format!("/api/v1/namespaces/{SYSTEM}/pods/{process}:9090/proxy{path}");
        let request = http::Request::get(address).body(Vec::new())?;
        self.client.request_text(request).await.with_context(|| format!("asking {process} for {path}"))
    }

    /// The records of a component's processes: those at `pointer` (RFC 6901) in the page `/debug/state` of each.
    async fn wakes<W: DeserializeOwned>(&self, component: &str, pointer: &str) -> Result<Vec<W>> {
        let processes = self.processes(component).await?;
        let states = join_all(processes.iter().map(|process| self.admin(process, "/debug/state"))).await;
        let mut all = Vec::new();
        for state in states {
            let mut state: Value = serde_json::from_str(&state?)?;
            // An operator that does not lead has none.
            let Some(wakes) = state.pointer_mut(pointer) else { continue };
            let wakes: Vec<W> =
                serde_json::from_value(wakes.take()).with_context(|| format!("wakes of {component}"))?;
            all.extend(wakes);
        }
        Ok(all)
    }

    /// The cold starts since then, in unix milliseconds.
    pub(crate) async fn cold_starts(&self, since: f64) -> Result<Vec<ColdStart>> {
        let waited = self.wakes::<Waited>("activator", "/wakes").await?;
        let woken = self.wakes::<Woken>("operator", "/autoscaler/wakes").await?;
        Ok(cold_starts(&waited, &woken, since))
    }

    /// Runs a shell script of busybox as a pod, to its end; what it printed.
    pub(crate) async fn run(&self, name: &str, image: &str, script: &str, limit: Duration) -> Result<String> {
        let pods = self.pods_of(NAMESPACE);
        pods.create(&PostParams::default(), &pod(name, image, script)?).await.context("creating a pod")?;
        let end = Instant::now() + limit;
        let phase = loop {
            sleep(Duration::from_millis(200)).await;
            let status = pods.get(name).await?.status.unwrap_or_default();
            match status.phase.as_deref() {
                Some(phase @ ("Succeeded" | "Failed")) => break phase.to_owned(),
                _ if Instant::now() > end => bail!("pod {name} has not ended within {limit:?}"),
                _ => {}
            }
        };
        let said = pods.logs(name, &LogParams::default()).await.context("reading the pod's log")?;
        pods.delete(name, &DeleteParams::default().grace_period(0)).await.context("removing the pod")?;
        ensure!(phase == "Succeeded", "pod {name} failed: {said}");
        Ok(said)
    }
}

fn pod(name: &str, image: &str, script: &str) -> Result<Pod> {
    let pod = json!({
        "metadata": {"name": name, "labels": {OWN.0: OWN.1}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "shell", "image": image, "command": ["sh", "-c", script],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    });
    Ok(serde_json::from_value(pod)?)
}
