//! A scale-in takes the idle pods, not the one that is at work.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::http::{Reply, at_once};
use e2e::observe::{Scale, ready_pods};
use e2e::{App, Space, wait_for, with_namespace};
use kube::ResourceExt;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// One of four pods survives: by luck alone it is the right one for all of these once in 256 runs.
const APPS: usize = 4;
const PODS: u8 = 4;
/// Longer than it takes to scale in twice, by half each time.
const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_secs(3);
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

#[tokio::test(flavor = "multi_thread")]
async fn the_pod_with_a_long_request_survives_the_scale_in_of_the_idle_ones() {
    with_namespace(async |space: Space| {
        let mut apps = JoinSet::new();
        for index in 0..APPS {
            apps.spawn(scaled_in(space.clone(), format!("in-{index}")));
        }
        while let Some(app) = apps.join_next().await {
            app??;
        }
        Ok(())
    })
    .await;
}

async fn scaled_in(space: Space, name: String) -> Result<()> {
    let scaling = json!({ "target": 1, "utilizationPercent": 100, "max": PODS });
    let app = App::new(&name).scaling(&scaling).asleep(&space).await?;
    let target = space.target(&app).await?;
    let scale = Scale::watch(&space, &name).await?;

    let begun = Instant::now();
    let long = tokio::spawn({
        let (target, path) = (target.clone(), format!("/?sleep={}", LONG.as_millis()));
        async move { target.get(&path).await }
    });
    // Held until each has a pod of its own.
    let path = format!("/?sleep={}", SHORT.as_millis());
    for reply in at_once(&target, &path, (PODS - 1).into()).await {
        reply?.expect(200)?;
    }
    ensure!(scale.history().contains(&(PODS.into())), "{name} was scaled to {:?}", scale.history());

    let survivor = wait_for(&format!("{name} with one pod"), LONG, || async {
        let pods = ready_pods(&space, &name).await?;
        ensure!(scale.now() == Some(1) && pods.len() == 1, "scale {:?}, {} pods", scale.now(), pods.len());
        Ok(pods[0].clone())
    })
    .await?;
    let scaled_in = begun.elapsed();
    ensure!(!long.is_finished(), "{name} was scaled in after {scaled_in:?}, when the long request was over");
    ensure!(!survivor.annotations().contains_key(COST), "the survivor was marked: {:?}", survivor.annotations());

    let reply = long.await??.expect(200)?;
    println!("{name}: {:?}, scaled in after {scaled_in:?}, answer after {:?}", scale.history(), reply.elapsed);
    ensure!(pod_of(&reply) == survivor.name_any(), "{} answered, {} survived", pod_of(&reply), survivor.name_any());
    Ok(())
}

/// `hello from POD VERSION`.
fn pod_of(reply: &Reply) -> &str {
    reply.body.split_whitespace().nth(2).unwrap_or_default()
}
