//! Settings of the whole cluster. Runs alone: they change how every app scales.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::http::at_once;
use e2e::observe::Scale;
use e2e::{App, Space, wait_for, with_namespace};
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

const NAME: &str = "todoapp-settings";
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn cluster_settings_hold_for_apps_that_say_nothing_and_a_broken_edit_changes_nothing() {
    with_namespace(async |space: Space| {
        let maps: Api<ConfigMap> = Api::namespaced(space.client(), &space.cluster.system);
        let before = maps.get(NAME).await?.data.unwrap_or_default();
        let outcome = settings(&space, &maps).await;
        set(&maps, json!(before)).await?;
        outcome
    })
    .await;
}

async fn settings(space: &Space, maps: &Api<ConfigMap>) -> Result<()> {
    let app = App::new("open").scaling(&json!({ "target": 1, "utilizationPercent": 100 }));
    app.asleep(space).await?;
    set(maps, json!({ "defaults": "max: 3", "limits": "" })).await?;
    ensure!(most_pods(space, &app).await? == 3, "the default of the cluster");

    set(maps, json!({ "defaults": "max: 3", "limits": "max: 2" })).await?;
    ensure!(most_pods(space, &app.clone().scaling(&json!({ "max": 8 }))).await? == 2, "the limit of the cluster");

    set(maps, json!({ "defaults": "max: many", "limits": "" })).await?;
    let told = wait_for("an Event about the settings", LIMIT, || async {
        let events =
            Api::<Event>::namespaced(space.client(), &space.cluster.system).list(&ListParams::default()).await?;
        let about =
            |e: &Event| e.involved_object.name.as_deref() == Some(NAME) && e.type_.as_deref() == Some("Warning");
        let told: Vec<String> = events.items.into_iter().filter(about).filter_map(|e| e.message).collect();
        ensure!(told.iter().any(|text| text.contains("many")), "{told:?}");
        Ok(told)
    })
    .await?;
    println!("{told:?}");
    ensure!(most_pods(space, &app).await? == 2, "what was good last");
    Ok(())
}

/// The most pods that are wanted while eight requests wait, from asleep and back.
async fn most_pods(space: &Space, app: &App) -> Result<i32> {
    let object = app.asleep(space).await?;
    let target = space.target(&object).await?;
    let scale = Scale::watch(space, "open").await?;
    for reply in at_once(&target, "/?sleep=1000", 8).await {
        reply?.expect(200)?;
    }
    e2e::app::sleeping(space, "open").await?;
    Ok(scale.history().into_iter().max().unwrap_or(0))
}

async fn set(maps: &Api<ConfigMap>, data: Value) -> Result<()> {
    maps.patch(NAME, &PatchParams::default(), &Patch::Merge(json!({ "data": data }))).await?;
    // The operator is told by a watch.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}
