//! Settings of the whole cluster. Runs alone: they change how every app scales, and is called.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::app::{get, host};
use e2e::http::{Target, at_once};
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
    event(space, "many").await?;
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

#[tokio::test(flavor = "multi_thread")]
async fn public_hosts_are_named_as_the_settings_say_and_a_change_reaches_apps_and_activators_at_once() {
    with_namespace(async |space: Space| {
        let maps: Api<ConfigMap> = Api::namespaced(space.client(), &space.cluster.system);
        let before = maps.get(NAME).await?.data.unwrap_or_default();
        let outcome = hosts(&space, &maps).await;
        set(&maps, json!(before)).await?;
        outcome
    })
    .await;
}

async fn hosts(space: &Space, maps: &Api<ConfigMap>) -> Result<()> {
    let traffic = json!([{ "latest": true, "percent": 100, "tag": "now" }]);
    let shop = App::new("shop").drowsy().field("traffic", traffic);
    let old = host(&shop.ready(space).await?)?;
    let gateway = space.cluster.gateway().await?;
    let named =
        json!({ "domain": "apps.example", "template": "{name}-{namespace}.{domain}", "tagTemplate": "{tag}.{name}" });
    set(maps, json!({ "hosts": named.to_string() })).await?;
    let new = format!("shop-{}.apps.example", space.name);
    for host in [new.clone(), format!("now.{new}")] {
        wait_for(&host, LIMIT, || async { Target::named(gateway, &host).get("/").await?.expect(200) }).await?;
    }
    Target::named(gateway, &old).get("/").await?.expect(404)?;
    let status = get(space, "shop").await?.status.unwrap_or_default();
    ensure!(status.url == Some(format!("http://{new}")), "{:?}", status.url);
    ensure!(status.traffic[0].url == Some(format!("http://now.{new}")), "{:?}", status.traffic);

    set(maps, json!({ "hosts": "template: '{namespace}.{domain}'" })).await?;
    event(space, "hosts.template is '{namespace}.{domain}': must contain {name}; the settings stay as they were")
        .await?;
    Target::named(gateway, &new).get("/").await?.expect(200)?;
    Ok(())
}

/// An Event about the settings that says this.
async fn event(space: &Space, text: &str) -> Result<()> {
    wait_for(&format!("an Event with '{text}'"), LIMIT, || async {
        let events =
            Api::<Event>::namespaced(space.client(), &space.cluster.system).list(&ListParams::default()).await?;
        let about =
            |e: &Event| e.involved_object.name.as_deref() == Some(NAME) && e.type_.as_deref() == Some("Warning");
        let told: Vec<String> = events.items.into_iter().filter(about).filter_map(|e| e.message).collect();
        ensure!(told.iter().any(|told| told.contains(text)), "{told:?}");
        Ok(())
    })
    .await
}

async fn set(maps: &Api<ConfigMap>, data: Value) -> Result<()> {
    maps.patch(NAME, &PatchParams::default(), &Patch::Merge(json!({ "data": data }))).await?;
    // The operator is told by a watch.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}
