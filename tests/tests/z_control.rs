//! The operator dies and activators are replaced: requests are answered all the same. Runs alone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::{Cluster, Component, is_ready};
use e2e::command::run;
use e2e::http::{Reply, Target};
use e2e::kill::kill_process;
use e2e::observe::pods;
use e2e::trickle::Trickle;
use e2e::{App, Space, wait_for, with_namespace};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tokio::task::JoinHandle;

const BACK: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn a_held_request_is_answered_though_the_operators_pod_is_killed() {
    with_namespace(async |space: Space| {
        let held = hold(&space, "outlives-pod").await?;
        let old = ready_operator(&space.cluster).await?.name_any();
        run("kubectl", &["-n", &space.cluster.system, "delete", "pod", &old, "--grace-period=0", "--force"]).await?;
        answered(held).await?;
        other_operator(&space, &old).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_while_no_operator_runs_is_answered() {
    with_namespace(async |space: Space| {
        let app = App::new("meanwhile").asleep(&space).await?;
        let target = space.target(&app).await?;
        let old = ready_operator(&space.cluster).await?.name_any();
        run("kubectl", &["-n", &space.cluster.system, "delete", "pod", &old, "--grace-period=0", "--force"]).await?;
        let reply = target.get("/").await?.expect(200)?;
        println!("answered after {:?}", reply.elapsed);
        other_operator(&space, &old).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_request_is_answered_though_the_operators_container_is_killed() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let held = hold(&space, "outlives-container").await?;
        let operator = ready_operator(&space.cluster).await?;
        let restarts = restarts(&operator);
        kill_process("operator", &operator).await?;
        answered(held).await?;
        wait_for("the operator's container back", BACK, || async {
            let now = ready_operator(&space.cluster).await?;
            ensure!(
                now.name_any() != operator.name_any() || self::restarts(&now) > restarts,
                "the old container is still seen"
            );
            Ok(())
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_reachable_throughout_a_restart_of_the_activators() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let count = space.cluster.pods(Component::Activator).await?.len();
        ensure!(count >= 2, "{count} activator: the promise is for two");
        let app = App::new("throughout").drowsy().ready(&space).await?;
        let public = space.target(&app).await?;
        let inside = Target::at(space.address("throughout").await?);
        wait_for("the Service", Duration::from_secs(10), || async { inside.get("/").await?.expect(200) }).await?;

        let held = hold(&space, "held").await?;
        let pause = Duration::from_millis(50);
        let trickles = [Trickle::start(public, "/?sleep=50", pause), Trickle::start(inside, "/?sleep=50", pause)];
        let system = ["-n", &space.cluster.system];
        run("kubectl", &[&system[..], &["rollout", "restart", "deployment/todoapp-activator"]].concat()).await?;
        let status = ["rollout", "status", "deployment/todoapp-activator", "--timeout=120s"];
        run("kubectl", &[&system[..], &status].concat()).await?;
        answered(held).await?;
        // The old ones may still be ending: their addresses have to leave every Service too.
        wait_for("only the new activators", Duration::from_mins(1), || async {
            let all = run(
                "kubectl",
                &["-n", &space.cluster.system, "get", "pods", "-l", Component::Activator.selector(), "-o", "name"],
            )
            .await?;
            ensure!(all.lines().count() == count, "{all}");
            Ok(())
        })
        .await?;
        for trickle in trickles {
            println!("{} requests, none lost", trickle.finish().await?.len());
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_drained_loses_no_request() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let app = App::new("drained").drowsy().ready(&space).await?;
        let target = space.target(&app).await?;
        target.get("/").await?.expect(200)?;
        let node = pods(&space, "drained").await?.first().and_then(|pod| pod.spec.as_ref()?.node_name.clone());
        let node = node.context("a pod without a node")?;
        let trickle = Trickle::start(target.clone(), "/?sleep=50", Duration::from_millis(50));
        let long = tokio::spawn(async move { target.get("/?sleep=3000").await });
        let outcome = drain(&space, &node, &trickle).await;
        run("kubectl", &["uncordon", &node]).await?;
        outcome?;
        long.await??.expect(200)?;
        println!("{} requests, none lost", trickle.finish().await?.len());
        Ok(())
    })
    .await;
}

/// Evicts the app, and returns once requests wait for a pod that no node takes.
async fn drain(space: &Space, node: &str, trickle: &Trickle) -> Result<()> {
    run("kubectl", &["drain", node, "--pod-selector=todoapp.dev/app=drained", "--ignore-daemonsets", "--timeout=60s"])
        .await?;
    let answered = trickle.answered();
    wait_for("the next pod, on no node", Duration::from_secs(20), || async {
        let pods = pods(space, "drained").await?;
        ensure!(
            pods.iter().any(|pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_none())),
            "{}",
            pods.len()
        );
        Ok(())
    })
    .await?;
    // A second of requests without anybody who could answer.
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("{} answered while no pod ran", trickle.answered() - answered);
    Ok(())
}

/// A request to a sleeping app that takes four seconds to listen; returns once its pod is there.
async fn hold(space: &Space, name: &str) -> Result<JoinHandle<Result<Reply>>> {
    let app = App::new(name).env("START_DELAY_MS", "4000").asleep(space).await?;
    let target = space.target(&app).await?;
    let held = tokio::spawn(async move { target.get("/").await });
    wait_for("the pod of the held request", Duration::from_secs(10), || async {
        ensure!(!pods(space, name).await?.is_empty(), "no pod");
        Ok(())
    })
    .await?;
    Ok(held)
}

async fn answered(held: JoinHandle<Result<Reply>>) -> Result<()> {
    let reply = held.await??.expect(200)?;
    println!("held request answered after {:?}: {}", reply.elapsed, reply.header("server-timing"));
    ensure!(reply.elapsed < Duration::from_secs(30), "{:?}", reply.elapsed);
    Ok(())
}

async fn ready_operator(cluster: &Cluster) -> Result<Pod> {
    let pods = cluster.pods(Component::Operator).await?;
    pods.into_iter().find(is_ready).context("no operator is Ready")
}

async fn other_operator(space: &Space, old: &str) -> Result<()> {
    wait_for("another operator", BACK, || async {
        ensure!(ready_operator(&space.cluster).await?.name_any() != old, "the old one is still seen");
        Ok(())
    })
    .await
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
    statuses.iter().map(|s| s.restart_count).sum()
}
