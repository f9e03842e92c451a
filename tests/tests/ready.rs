//! An app is Ready soon after it was applied, and stays Ready while it sleeps and wakes.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::{Activity, TodoApp, condition};
use e2e::app::{get, sleeping};
use e2e::command::{run, run_with_input};
use e2e::trickle::Trickle;
use e2e::{App, Space, wait_for, with_namespace};
use futures_util::{StreamExt, pin_mut};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_wait_returns_within_20_seconds_and_a_sleeping_app_stays_ready() {
    with_namespace(ready_and_asleep).await;
}

async fn ready_and_asleep(space: Space) -> Result<()> {
    let begin = Instant::now();
    run_with_input("kubectl", &["-n", &space.name, "apply", "-f", "-"], &App::new("hello").to_value().to_string())
        .await?;
    run("kubectl", &["-n", &space.name, "wait", "--for=condition=Ready", "todoapp/hello", "--timeout=20s"]).await?;
    println!("Ready after {:?}", begin.elapsed());
    ensure!(begin.elapsed() <= Duration::from_secs(20), "Ready only after {:?}", begin.elapsed());

    let watch = tokio::spawn(first_change_to_not_ready(space.clone()));
    sleeping(&space, "hello").await?;
    let app = get(&space, "hello").await?;
    space.target(&app).await?.get("/").await?.expect(200)?;
    sleeping(&space, "hello").await?;
    ensure!(!watch.is_finished(), "Ready was lost: {:?}", watch.await?);

    let status = get(&space, "hello").await?.status.unwrap_or_default();
    ensure!(status.activity == Some(Activity::Idle) && status.replicas == 0, "{status:?}");
    ensure!(condition::is_true(&status.conditions, condition::READY), "{status:?}");
    let others = [condition::RECONCILING, condition::STALLED].map(|kind| condition::find(&status.conditions, kind));
    ensure!(others == [None, None], "{others:?}");
    let table = run("kubectl", &["-n", &space.name, "get", "tapp"]).await?;
    for word in
        ["URL", "READY", "REASON", "REVISION", "REPLICAS", "ACTIVITY", "TRAFFIC", "AGE", "True", "Idle", "hello-00001"]
    {
        ensure!(table.contains(word), "`kubectl get tapp` lacks {word}:\n{table}");
    }
    Ok(())
}

/// Ends when the app is seen with a Ready condition other than True.
async fn first_change_to_not_ready(space: Space) -> String {
    let changes = watcher(space.api::<TodoApp>(), watcher::Config::default()).default_backoff().applied_objects();
    pin_mut!(changes);
    while let Some(change) = changes.next().await {
        let status = change.ok().and_then(|app| app.status).unwrap_or_default();
        if !condition::is_true(&status.conditions, condition::READY) {
            return format!("{status:?}");
        }
    }
    "the watch ended".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_is_told_its_port_and_knatives_names() {
    with_namespace(async |space: Space| {
        let app = App::new("names").drowsy().ready(&space).await?;
        let reply = space.target(&app).await?.get("/env").await?.expect(200)?;
        let expected = "PORT=8080\nK_SERVICE=names\nK_CONFIGURATION=names\nK_REVISION=names-00001\n";
        ensure!(reply.body.trim() == expected.trim(), "{}", reply.body);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_takes_over_without_a_lost_request() {
    with_namespace(async |space: Space| {
        let app = App::new("rolls").drowsy().env("VERSION", "v1").ready(&space).await?;
        let target = space.target(&app).await?;
        target.get("/").await?.expect(200)?;
        let trickle = Trickle::start(target.clone(), "/who?sleep=50", Duration::from_millis(50));
        App::new("rolls").drowsy().env("VERSION", "v2").ready(&space).await?;
        wait_for("answers of v2", Duration::from_secs(10), || async {
            let reply = target.get("/who").await?;
            ensure!(reply.body.trim().ends_with("v2"), "{}", reply.body);
            Ok(())
        })
        .await?;
        let replies = trickle.finish().await?;
        let back = replies.windows(2).filter(|w| w[0].body.contains("v2") && w[1].body.contains("v1")).count();
        println!("{} requests, none lost, {back} times back to v1 at the change", replies.len());
        Ok(())
    })
    .await;
}
