//! One pod: how many requests it gets, when it gets the first, and how it ends.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::pod_address;
use e2e::command::run;
use e2e::http::{Reply, Target, at_once};
use e2e::observe::{pods, ready_pods};
use e2e::{App, Cluster, Space, wait_for, with_namespace};
use futures_util::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::watcher;
use serde_json::json;
use tokio::time::{Instant, timeout};

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrency_limit_of_one_lets_one_request_in_at_a_time() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let app = App::new("single").drowsy().field("concurrencyLimit", json!(1)).scaling(&json!({ "max": 1 }));
        let app = app.ready(&space).await?;
        let target = space.target(&app).await?;
        for round in ["cold", "warm"] {
            for reply in at_once(&target, "/?sleep=150", 10).await {
                reply.with_context(|| format!("{round} round"))?.expect(200)?;
            }
        }
        let pods = ready_pods(&space, "single").await?;
        ensure!(pods.len() == 1, "{} pods", pods.len());
        let reply = Target::at(pod_address(&pods[0], 8080)?).get("/max").await?;
        ensure!(reply.body.trim() == "1", "{} requests at once", reply.body.trim());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_waits_for_the_http_probe_of_the_app() {
    with_namespace(async |space: Space| {
        let probe = json!({ "httpGet": { "path": "/health", "port": 8080 }, "periodSeconds": 1 });
        let app = App::new("healthy").env("HEALTH_DELAY_MS", "3000").container("readinessProbe", probe);
        let app = app.asleep(&space).await?;
        let reply = space.target(&app).await?.get("/").await?.expect(200)?;
        let waited = micros(&reply, "testapp-received")?.saturating_sub(micros(&reply, "testapp-listening")?);
        println!("healthy after 3 s, first request {:?} after listening", Duration::from_micros(waited));
        ensure!((3_000_000..4_500_000).contains(&waited), "reached the app {waited} µs after it listened");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_probe_the_first_request_waits_until_the_app_listens() {
    with_namespace(async |space: Space| {
        let app = App::new("slow").env("START_DELAY_MS", "2500").asleep(&space).await?;
        let reply = space.target(&app).await?.get("/").await?.expect(200)?;
        let waited = micros(&reply, "testapp-received")?.saturating_sub(micros(&reply, "testapp-listening")?);
        println!(
            "first request {:?} after listening, hold: {}",
            Duration::from_micros(waited),
            reply.header("server-timing")
        );
        ensure!(reply.elapsed >= Duration::from_millis(2500), "{:?}", reply.elapsed);
        ensure!(waited < 500_000, "released only {waited} µs after the app listened");
        Ok(())
    })
    .await;
}

fn micros(reply: &Reply, header: &str) -> Result<u64> {
    reply.header(header).parse().with_context(|| format!("header {header} of {reply:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_pod_is_gone_soon_after_it_was_told_to_end() {
    with_namespace(async |space: Space| {
        App::new("idle").ready(&space).await?;
        let took = timeout(Duration::from_mins(1), time_from_ending_to_gone(&space)).await??;
        println!("from deletion to gone: {took:?}");
        // Two seconds are ours; the rest is the kubelet's, on a busy machine.
        ensure!(took <= Duration::from_secs(4), "{took:?}");
        Ok(())
    })
    .await;
}

async fn time_from_ending_to_gone(space: &Space) -> Result<Duration> {
    let changes = watcher(space.api::<Pod>(), watcher::Config::default());
    pin_mut!(changes);
    let mut ending = None;
    while let Some(change) = changes.next().await {
        match change? {
            watcher::Event::Apply(pod) if pod.metadata.deletion_timestamp.is_some() => {
                ending.get_or_insert_with(Instant::now);
            }
            watcher::Event::Delete(_) => return Ok(ending.context("gone without ending")?.elapsed()),
            _ => {}
        }
    }
    anyhow::bail!("the watch ended")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_request_outlives_the_deletion_of_its_pod() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let app = App::new("drains").drowsy().ready(&space).await?;
        let target = space.target(&app).await?;
        target.get("/").await?.expect(200)?;
        let pod = ready_pods(&space, "drains").await?.into_iter().next().context("a ready pod")?;
        let inside = Target::at(pod_address(&pod, 8080)?);
        let request = tokio::spawn(async move { target.get("/?sleep=5000").await });
        wait_for("the request inside", Duration::from_secs(5), || async {
            let count: u32 = inside.get("/count").await?.body.trim().parse()?;
            ensure!(count >= 2, "{count} requests");
            Ok(())
        })
        .await?;
        let begin = Instant::now();
        run("kubectl", &["-n", &space.name, "delete", "pod", &pod.name_any(), "--wait=false"]).await?;
        let reply = request.await??.expect(200)?;
        ensure!(reply.body.contains(&pod.name_any()), "answered by another pod: {}", reply.body);
        wait_for("the pod gone", Duration::from_secs(10), || async {
            let left = pods(&space, "drains").await?;
            ensure!(left.iter().all(|p| p.name_any() != pod.name_any()), "still there");
            Ok(())
        })
        .await?;
        println!(
            "request of 5 s answered after {:?}, pod gone {:?} after its deletion",
            reply.elapsed,
            begin.elapsed()
        );
        Ok(())
    })
    .await;
}
