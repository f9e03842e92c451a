//! The leader is killed under load, with another candidate waiting. Runs alone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::{Cluster, Component, is_ready};
use e2e::command::run;
use e2e::kill::kill_process;
use e2e::observe::{Holder, Scale, ready_pods};
use e2e::trickle::Trickle;
use e2e::{App, Space, decisions, wait_for, with_namespace};
use kube::ResourceExt;
use serde_json::json;
use tokio::time::{Instant, sleep};

/// A Lease that is not renewed is free after eight seconds, and looked at each two.
const CHANGE: Duration = Duration::from_secs(30);
/// From the new Lease to the scale of an app whose request is held.
const PROMISE: Duration = Duration::from_secs(2);
const PODS: i32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_costs_no_pod_no_window_and_no_request() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let outcome = match candidates(&space, 2).await {
            Ok(()) => killed_under_load(&space).await,
            Err(error) => Err(error),
        };
        candidates(&space, 1).await?;
        outcome
    })
    .await;
}

async fn killed_under_load(space: &Space) -> Result<()> {
    let target = |per_pod| json!({ "target": per_pod, "utilizationPercent": 100, "max": 5 });
    let woken = space.target(&App::new("woken").asleep(space).await?).await?;
    // Long enough that a client which stalls for a second changes nothing.
    let steadily = App::new("steady").scaling(&target(5)).scaling(&json!({ "window": "20s" }));
    let steady = space.target(&steadily.ready(space).await?).await?;
    let falling = space.target(&App::new("falling").drowsy().scaling(&target(100)).ready(space).await?).await?;

    // Twelve requests at a time, five for each pod.
    let load = Trickle::start(steady, "/?sleep=3000", Duration::from_millis(250));
    let long = Trickle::start(falling.clone(), "/?sleep=12000", Duration::from_millis(500));
    wait_for("as many pods as the load needs", CHANGE, || async {
        let ready = ready_pods(space, "steady").await?.len();
        ensure!(ready == PODS as usize, "{ready} pods");
        Ok(())
    })
    .await?;
    // What was measured before it fell to nothing is in the window alone.
    sleep(Duration::from_secs(15)).await;
    long.finish().await?;
    let before = stable(space).await?;
    let (scale, waking) = (Scale::watch(space, "steady").await?, Scale::watch(space, "woken").await?);
    let lease = Holder::watch(&space.cluster);

    let old = lease_holder(&lease).await?;
    let pods = space.cluster.pods(Component::Operator).await?;
    kill_process("operator", pods.iter().find(|pod| pod.name_any() == old).context("the leader's pod")?).await?;
    // Or it would take its own Lease again once its container is restarted.
    run("kubectl", &["-n", &space.cluster.system, "delete", "pod", &old, "--grace-period=0", "--force"]).await?;
    let begun = Instant::now();
    let held = tokio::spawn(async move { woken.get("/").await });
    let (led_at, new) = wait_for("another leader", CHANGE, || async {
        lease.latest().filter(|(_, holder)| *holder != old).context("the old holder is still seen")
    })
    .await?;
    let reply = held.await??.expect(200)?;
    let (woken_at, _) = *waking.changes().iter().find(|(_, pods)| *pods > 0).context("it answered without a pod")?;
    let acted = woken_at.saturating_duration_since(led_at);
    println!("{old} → {new} after {:?}, wake {acted:?} after that, answered after {:?}", led_at - begun, reply.elapsed);
    ensure!(acted <= PROMISE, "the held request was acted on {acted:?} after the new Lease");
    let after = wait_for("a decision of the new leader", CHANGE, || stable(space)).await?;
    println!("average over the window: {before:.1} before, {after:.1} after");
    // It falls by a twelfth for each five seconds; without what was measured before it would be next to nothing.
    ensure!(after > before / 2.0, "the window was lost: {before} before, {after} after");
    sleep(Duration::from_secs(15)).await;
    ensure!(scale.history() == [PODS], "the load was the same all along: {:?}", scale.history());
    println!("{} requests, none lost", load.finish().await?.len());
    Ok(())
}

/// The newest stable average of the app whose load has fallen, once its pod was heard.
async fn stable(space: &Space) -> Result<f64> {
    let told = decisions::of(space, "falling").await?;
    let newest = told.last().filter(|decision| decision["record"]["reportingPods"] == 1);
    let newest = newest.context("no decision on what was reported yet")?;
    newest["record"]["stableAverage"].as_f64().context("an average")
}

async fn lease_holder(lease: &Holder) -> Result<String> {
    wait_for("the Lease", CHANGE, || async { Ok(lease.latest().context("nobody seen")?.1) }).await
}

/// As many operators, all Ready.
async fn candidates(space: &Space, count: usize) -> Result<()> {
    let replicas = format!("--replicas={count}");
    let name = format!("deployment/{}", Component::Operator.deployment());
    run("kubectl", &["-n", &space.cluster.system, "scale", &name, &replicas]).await?;
    wait_for("that many operators", Duration::from_mins(1), || async {
        let pods = space.cluster.pods(Component::Operator).await?;
        ensure!(pods.len() == count && pods.iter().all(is_ready), "{} operators, or not all Ready", pods.len());
        Ok(())
    })
    .await
}
