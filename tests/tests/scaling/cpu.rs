//! An app that scales by the CPU that its pods use, as a HorizontalPodAutoscaler measures it. metrics-server measures each
//! 10 s and needs two measurements of a pod, the operator reads each 15 s: so a change is seen within a minute.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::observe::{Scale, ready_pods};
use e2e::pod::Caller;
use e2e::{App, Space, wait_for, with_namespace};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;

/// For a change of the load to be followed, on a busy machine.
const LIMIT: Duration = Duration::from_mins(3);
/// One client after the other's answer: each takes 30 ms of a CPU, so a pod uses more than it requests.
const LOOP: &str = "while true; do busybox wget -q -O /dev/null 'http://cpu/?burn=30'; busybox sleep 0.05; done";

fn app(name: &str) -> App {
    App::new(name).scaling(&json!({ "metric": "CPU", "target": 30, "min": 1, "max": 3, "scaleDownDelay": "10s" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busybox_wget_loop_is_three_pods_and_its_end_is_one() {
    with_namespace(async |space: Space| {
        app("cpu").container("resources", json!({ "requests": { "cpu": "100m" } })).ready(&space).await?;
        let scale = Scale::watch(&space, "cpu").await?;
        let caller = Caller::start(&space, "visitor").await?;
        let visits =
            tokio::spawn(async move { caller.busybox(&["timeout", "600", "busybox", "sh", "-c", LOOP]).await });
        pods(&space, "cpu", 3).await.with_context(|| format!("scales {:?}", scale.history()))?;
        // The loop runs in the pod, whoever waits for it here.
        space.api::<Pod>().delete("visitor", &DeleteParams::default()).await?;
        ensure!(visits.await?.is_err(), "the loop ended by itself");
        pods(&space, "cpu", 1).await.with_context(|| format!("scales {:?}", scale.history()))?;
        let history = scale.history();
        ensure!(history.iter().all(|pods| (1..=3).contains(pods)), "{history:?}");
        Ok(())
    })
    .await;
}

/// Nobody asks anything of it for far longer than its window and its grace.
#[tokio::test(flavor = "multi_thread")]
async fn at_a_minimum_of_zero_one_pod_stays() {
    with_namespace(async |space: Space| {
        let idle = app("idle").scaling(&json!({ "min": 0 }));
        idle.container("resources", json!({ "requests": { "cpu": "100m" } })).ready(&space).await?;
        let scale = Scale::watch(&space, "idle").await?;
        tokio::time::sleep(Duration::from_secs(40)).await;
        ensure!(scale.history().iter().all(|pods| *pods == 1), "{:?}", scale.history());
        pods(&space, "idle", 1).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_requests_no_cpu_is_told_which_container_and_keeps_its_pod() {
    with_namespace(async |space: Space| {
        let applied = app("lavish").ready(&space).await?;
        let note = wait_for("an Event that says so", Duration::from_mins(1), || async {
            let events = space.api::<Event>().list(&ListParams::default()).await?.items;
            let found = events.into_iter().find(|event| event.reason.as_deref() == Some("FailedGetResourceMetric"));
            let event = found.context("no such Event yet")?;
            ensure!(event.regarding.as_ref().and_then(|about| about.uid.clone()) == applied.uid(), "{event:?}");
            Ok(event.note.unwrap_or_default())
        })
        .await?;
        ensure!(note.contains("container 'app'") && note.contains("resources.requests.cpu"), "{note}");
        pods(&space, "lavish", 1).await
    })
    .await;
}

/// Waits until the app has so many ready pods and no other.
async fn pods(space: &Space, app: &str, count: usize) -> Result<()> {
    wait_for(&format!("{count} pods of {app}"), LIMIT, || async {
        let pods = ready_pods(space, app).await?;
        ensure!(pods.len() == count, "{} pods", pods.len());
        Ok(())
    })
    .await
}
