//! Everything works where everything else is denied. Runs alone: it changes the installation.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::condition::PROMOTED;
use e2e::app::{sleeping, wait_condition};
use e2e::cluster::{Cluster, Component, image, pod_address};
use e2e::command::{run, run_with_input};
use e2e::firewall::Firewall;
use e2e::installation::Installation;
use e2e::namespace::in_new_namespace;
use e2e::observe::ready_pods;
use e2e::pod::Caller;
use e2e::{App, Space, with_namespace};
use kube::ResourceExt;
use serde_json::json;

/// What users are told to apply.
const SAMPLE: &str = include_str!("../../docs/network.md");
/// The hub's port.
const HUB: u16 = 9000;
/// The queue-proxy's port.
const SIDECAR: u16 = 8012;

#[tokio::test(flavor = "multi_thread")]
async fn under_default_deny_apps_wake_are_released_and_call_each_other_and_nobody_else_gets_in() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let installation = Installation::find(&space.cluster).await?;
        installation.set(&["networkPolicy.enabled=true"]).await?;
        let shop = space.clone();
        let outcome = in_new_namespace(async move |outside: Space| denied(&shop, &outside).await).await;
        installation.set(&["networkPolicy.enabled=false"]).await?;
        outcome
    })
    .await;
}

/// Policies alone, then with the firewall that makes them hold.
async fn denied(space: &Space, outside: &Space) -> Result<()> {
    let stranger = Caller::start(outside, "stranger").await?;
    let web = App::new("web").drowsy().ready(space).await?;
    space.target(&web).await?.get("/").await?.expect(200)?;
    let [sidecar, hub] = inner_ports(space).await?;
    for address in [sidecar, hub] {
        ensure!(stranger.connects(address).await, "{address} is not reached without policies either");
    }
    let system = &space.cluster.system;
    deny(system).await?;
    let (_, sample) = SAMPLE.split_once("```yaml\n").context("docs/network.md has no sample")?;
    let (sample, _) = sample.split_once("```").context("the sample has no end")?;
    let sample = sample.replace("namespace: shop", &format!("namespace: {}", space.name));
    run_with_input("kubectl", &["apply", "-f", "-"], &sample.replace("todoapp-system", system)).await?;

    let firewall = Firewall::start(space.client()).await?;
    let outcome = works(space, &stranger).await;
    run("kubectl", &["-n", system, "delete", "networkpolicy", "default-deny"]).await?;
    let dropped = firewall.end().await?;
    outcome?;
    println!("{dropped} packets dropped");
    ensure!(dropped > 0, "the firewall dropped nothing");
    Ok(())
}

async fn deny(namespace: &str) -> Result<()> {
    let policy = json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": "default-deny", "namespace": namespace },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] } });
    run_with_input("kubectl", &["apply", "-f", "-"], &policy.to_string()).await?;
    Ok(())
}

async fn works(space: &Space, stranger: &Caller) -> Result<()> {
    // Our processes start anew, so that no connection is older than the policies.
    let system = ["-n", &space.cluster.system];
    for component in [Component::Operator, Component::Activator] {
        let deployment = format!("deployment/{}", component.deployment());
        run("kubectl", &[&system[..], &["rollout", "restart", &deployment]].concat()).await?;
        run("kubectl", &[&system[..], &["rollout", "status", &deployment, "--timeout=120s"]].concat()).await?;
    }
    let [sidecar, hub] = inner_ports(space).await?;
    for address in [sidecar, hub] {
        ensure!(!stranger.connects(address).await, "a stranger gets in at {address}");
    }
    wakes(space, stranger).await?;
    is_released(space).await?;
    calls_another(space).await
}

/// From zero and back, twice, by the public door and by the name in the cluster.
async fn wakes(space: &Space, stranger: &Caller) -> Result<()> {
    let night = App::new("night").asleep(space).await?;
    let reply = space.target(&night).await?.get("/").await?.expect(200)?;
    println!("from zero by the public door: {:?}", reply.elapsed);
    sleeping(space, "night").await?;
    let body = stranger.get(&format!("http://night.{}/", space.name)).await?;
    ensure!(body.starts_with("hello from "), "{body}");
    Ok(())
}

/// The operator's probes reach the pods.
async fn is_released(space: &Space) -> Result<()> {
    let rollout = json!({ "strategy": "Gradual", "window": "4s", "steps": [50], "analysis":
        { "interval": "1s", "minRequests": 10, "maxErrorRate": "1%", "probe": { "path": "/health", "count": 5 } } });
    let version = |v: &str| App::new("probed").revision(&format!("probed-{v}")).field("rollout", rollout.clone());
    version("v1").asleep(space).await?;
    version("v2").ready(space).await?;
    wait_condition(space, "probed", PROMOTED, "True", Duration::from_mins(1)).await?;
    Ok(())
}

/// An app calls another one that sleeps, and not what is none of its business.
async fn calls_another(space: &Space) -> Result<()> {
    App::new("callee").asleep(space).await?;
    let caller = App::new("caller").drowsy().image(&image("todoapp-busybox"));
    let caller = caller.container("command", json!(["busybox", "httpd", "-f", "-p", "8080"])).ready(space).await?;
    space.target(&caller).await?.get("/").await?.expect(404)?;
    let pods = ready_pods(space, "caller").await?;
    let pod = pods.first().context("no pod of the caller")?.name_any();
    let inside = Caller::within(space, &pod);
    let body = inside.get("http://callee/").await?;
    ensure!(body.starts_with("hello from "), "{body}");
    let [sidecar, _] = inner_ports(space).await?;
    ensure!(!inside.connects(sidecar).await, "an app gets around the activators");
    Ok(())
}

/// The sidecar of a pod, and the hub.
async fn inner_ports(space: &Space) -> Result<[SocketAddr; 2]> {
    let pods = ready_pods(space, "web").await?;
    let operators = space.cluster.pods(Component::Operator).await?;
    Ok([
        pod_address(pods.first().context("no pod of the app")?, SIDECAR)?,
        pod_address(operators.first().context("no operator")?, HUB)?,
    ])
}
