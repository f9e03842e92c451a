//! What an app may say of its scaling, on real pods.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::http::{Target, at_once};
use e2e::observe::{Scale, ready_pods};
use e2e::trickle::Trickle;
use e2e::{App, Space, wait_for, with_namespace};
use kube::ResourceExt;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn eleven_requests_at_target_ten_are_two_pods() {
    with_namespace(async |space: Space| {
        let app = App::new("eleven").scaling(&json!({ "target": 10, "utilizationPercent": 100 }));
        let target = space.target(&app.asleep(&space).await?).await?;
        let scale = Scale::watch(&space, "eleven").await?;
        let replies = at_once(&target, "/?sleep=3000", 11).await;
        for reply in replies {
            reply?.expect(200)?;
        }
        let most = scale.history().into_iter().max();
        ensure!(most == Some(2), "11 requests at a time, 10 for each pod: {:?}", scale.history());
        Ok(())
    })
    .await;
}

/// Requests that take no time: at a time there is hardly one, but each second there are 40.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_of_requests_scales_where_concurrency_would_not() {
    with_namespace(async |space: Space| {
        let app =
            App::new("rate").scaling(&json!({ "metric": "RequestRate", "target": 12, "utilizationPercent": 100 }));
        let target = space.target(&app.ready(&space).await?).await?;
        let load = Trickle::start(target, "/", Duration::from_millis(25));
        wait_for("three pods or more", LIMIT, || async {
            let pods = ready_pods(&space, "rate").await?;
            ensure!(pods.len() >= 3, "{} pods", pods.len());
            Ok(())
        })
        .await?;
        load.finish().await?;
        Ok(())
    })
    .await;
}

/// The same pods all along: live settings make no revision and restart nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_minimum_takes_effect_without_a_new_revision() {
    with_namespace(async |space: Space| {
        let app = App::new("live").drowsy();
        app.ready(&space).await?;
        let first = pods(&space, "live", 1).await?;
        app.clone().scaling(&json!({ "min": 3 })).ready(&space).await?;
        let more = pods(&space, "live", 3).await?;
        ensure!(first.iter().all(|pod| more.contains(pod)), "{first:?} were replaced by {more:?}");
        let status = e2e::app::get(&space, "live").await?.status.unwrap_or_default();
        ensure!(status.latest_created_revision.as_deref() == Some("live-00001"), "{status:?}");
        app.scaling(&json!({ "min": 0, "max": 1 })).ready(&space).await?;
        pods(&space, "live", 1).await?;
        Ok(())
    })
    .await;
}

/// A new revision begins with as many pods as it is told, and keeps only what its load needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_begins_with_its_initial_pods() {
    with_namespace(async |space: Space| {
        let app = App::new("begins").scaling(&json!({ "initial": 3 }));
        app.apply(&space).await?;
        // Once all three were ready, the two that nobody needs go before they may be seen together.
        let first = wait_for("a Deployment", LIMIT, || Scale::watch(&space, "begins")).await?;
        wait_for("three pods wanted", LIMIT, || async {
            ensure!(first.history().contains(&3), "{:?}", first.history());
            Ok(())
        })
        .await?;
        e2e::app::sleeping(&space, "begins").await?;
        let target: Target = space.target(&e2e::app::get(&space, "begins").await?).await?;
        let scale = Scale::watch(&space, "begins").await?;
        target.get("/").await?.expect(200)?;
        ensure!(scale.history().into_iter().max() == Some(1), "woken again: {:?}", scale.history());
        Ok(())
    })
    .await;
}

/// The names of the app's ready pods, when there are so many.
async fn pods(space: &Space, app: &str, count: usize) -> Result<Vec<String>> {
    wait_for(&format!("{count} pods of {app}"), LIMIT, || async {
        let pods = ready_pods(space, app).await?;
        ensure!(pods.len() == count, "{} pods", pods.len());
        Ok(pods.iter().map(ResourceExt::name_any).collect())
    })
    .await
}
