//! Who owns what: others' fields stay, ours are ours, and nobody fights.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Revision, TodoApp};
use e2e::app::{MANAGER, get, sleeping};
use e2e::audit::{self, Call};
use e2e::cluster::Component;
use e2e::observe::{Scale, deployment, pods, ready_pods};
use e2e::{App, Space, wait_for, with_namespace};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{interval, sleep};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_a_hand_sets_go_back_to_what_load_asks_for_without_a_fight() {
    with_namespace(async |space: Space| {
        App::new("idle").asleep(&space).await?;
        let scale = Scale::watch(&space, "idle").await?;
        wait_for("none seen", SOON, || async {
            ensure!(scale.now() == Some(0), "{:?}", scale.history());
            Ok(())
        })
        .await?;
        let name = deployment(&space, "idle").await?.name_any();
        let by_hand = Patch::Merge(json!({ "spec": { "replicas": 2 } }));
        space.api::<Deployment>().patch(&name, &PatchParams::default(), &by_hand).await?;
        wait_for("two replicas, and none again", Duration::from_secs(30), || async {
            let history = scale.history();
            ensure!(history.contains(&2) && history.last() == Some(&0), "{history:?}");
            Ok(())
        })
        .await?;
        sleeping(&space, "idle").await?;
        let history = scale.history();
        ensure!(history.len() <= 4, "a fight: {history:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_annotations_of_others_stay_on_our_objects_though_we_write_them_again() {
    with_namespace(async |space: Space| {
        App::new("marked").asleep(&space).await?;
        let of_revision = deployment(&space, "marked").await?.name_any();
        mark::<Deployment>(&space, &of_revision, json!({ "spec": { "template": { "spec": { "priority": null } } } }))
            .await?;
        mark::<Revision>(&space, &of_revision, json!({})).await?;
        mark::<Service>(&space, &of_revision, json!({})).await?;
        mark::<Service>(&space, "marked", json!({ "spec": { "publishNotReadyAddresses": true } })).await?;
        mark::<EndpointSlice>(&space, "marked", json!({})).await?;
        // What is ours is bent, so each of them is written once more.
        let bent = json!({ "metadata": { "labels": { api::labels::APP: "nobody" } } });
        for round in ["marked", of_revision.as_str()] {
            patch::<Service>(&space, round, &bent).await?;
        }
        patch::<Deployment>(
            &space,
            &of_revision,
            &json!({ "spec": { "template": { "metadata": { "labels": { api::labels::APP: "nobody" } } } } }),
        )
        .await?;
        patch::<EndpointSlice>(&space, "marked", &json!({ "endpoints": [] })).await?;
        wait_for("ours as they were", SOON, || async {
            for name in ["marked", of_revision.as_str()] {
                let service = space.api::<Service>().get(name).await?;
                ensure!(service.labels().get(api::labels::APP).is_some_and(|app| app == "marked"), "Service {name}");
            }
            let pod = deployment(&space, "marked").await?.spec.template.metadata.and_then(|m| m.labels);
            ensure!(pod.unwrap_or_default().get(api::labels::APP).is_some_and(|app| app == "marked"), "Deployment");
            let slice = space.api::<EndpointSlice>().get("marked").await?;
            ensure!(slice.endpoints.is_some_and(|endpoints| !endpoints.is_empty()), "EndpointSlice");
            Ok(())
        })
        .await?;
        is_marked::<Deployment>(&space, &of_revision).await?;
        is_marked::<Revision>(&space, &of_revision).await?;
        is_marked::<Service>(&space, &of_revision).await?;
        is_marked::<EndpointSlice>(&space, "marked").await?;
        is_marked::<Service>(&space, "marked").await
    })
    .await;
}

/// Somebody else's label and annotation, and a field that is none of ours.
async fn mark<K>(space: &Space, name: &str, mut more: Value) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    more["metadata"] = json!({ "labels": { "team": "blue" }, "annotations": { "example.com/note": "ours" } });
    patch::<K>(space, name, &more).await
}

async fn patch<K>(space: &Space, name: &str, change: &Value) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let parameters = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() };
    let patched = space.api::<K>().patch(name, &parameters, &Patch::Merge(change)).await;
    patched.map(drop).with_context(|| format!("{} {name}", K::kind(&())))
}

async fn is_marked<K>(space: &Space, name: &str) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let object = space.api::<K>().get(name).await?;
    let has = |map: &BTreeMap<String, String>, key: &str, value: &str| map.get(key).is_some_and(|v| v == value);
    let kind = K::kind(&());
    ensure!(has(object.labels(), "team", "blue"), "{kind} {name}: {:?}", object.labels());
    ensure!(has(object.annotations(), "example.com/note", "ours"), "{kind} {name}: {:?}", object.annotations());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_applied_again_and_again_makes_no_write_and_restarts_nothing() {
    let Some(log) = audit::path() else { return };
    with_namespace(async |space: Space| applied_again_and_again(space, log).await).await;
}

async fn applied_again_and_again(space: Space, log: String) -> Result<()> {
    const TIMES: usize = 10;
    let app = App::new("synced").drowsy().field("traffic", json!([{ "latest": true, "percent": 100, "tag": "now" }]));
    let object = app.ready(&space).await?;
    space.target(&object).await?.get("/").await?.expect(200)?;
    wait_for("three seconds without a write", Duration::from_secs(20), || async {
        let written = writes(&space, &log, Timestamp::now() - Duration::from_secs(3)).await?;
        ensure!(written.is_empty(), "{written:?}");
        Ok(())
    })
    .await?;
    let (before, begin) = (state(&space).await?, Timestamp::now());
    let mut every = interval(Duration::from_secs(3));
    for time in 0..TIMES {
        every.tick().await;
        app.apply(&space).await?;
        // As Argo CD marks what it looked at: a change of the object, though not of what it asks for.
        let mark = json!({ "metadata": { "annotations": { "argocd.argoproj.io/refresh": time.to_string() } } });
        patch::<TodoApp>(&space, "synced", &mark).await?;
    }
    sleep(Duration::from_secs(2)).await;
    let written = writes(&space, &log, begin).await?;
    ensure!(written.is_empty(), "{written:?}");
    let after = state(&space).await?;
    ensure!(before == after, "before {before:?}, after {after:?}");
    Ok(())
}

/// What our processes wrote here.
async fn writes(space: &Space, log: &str, since: Timestamp) -> Result<Vec<String>> {
    let users = [Component::Operator, Component::Activator].map(|c| c.user(&space.cluster.system));
    let calls = audit::writes(log, &users, since, Timestamp::now()).await?;
    let here = |call: &&Call| call.object_ref.as_ref().is_some_and(|object| object.namespace == space.name);
    Ok(calls.iter().filter(here).map(Call::text).collect())
}

/// Pods with their restarts, and the versions of what the app owns.
async fn state(space: &Space) -> Result<Vec<String>> {
    let all = ListParams::default();
    let mut found = Vec::new();
    for pod in pods(space, "synced").await? {
        let statuses = pod.status.as_ref().and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
        let restarts: i32 = statuses.iter().map(|s| s.restart_count).sum();
        found.push(format!("Pod {:?} {restarts}", pod.uid()));
    }
    for revision in space.api::<Revision>().list(&all).await? {
        found.push(format!("Revision {} {:?}", revision.name_any(), revision.resource_version()));
    }
    for service in space.api::<Service>().list(&all).await? {
        found.push(format!("Service {} {:?}", service.name_any(), service.resource_version()));
    }
    let deployment = deployment(space, "synced").await?;
    found.push(format!("Deployment {:?}", deployment.metadata.generation));
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_the_users_own_pod_arrive_in_the_pod_as_they_were_written() {
    with_namespace(async |space: Space| {
        let mut object = App::new("own").drowsy().to_value();
        let template = &mut object["spec"]["template"];
        template["metadata"] = json!({ "labels": { "team": "blue" }, "annotations": { "example.com/note": "kept" } });
        let pod = &mut template["spec"];
        pod["terminationGracePeriodSeconds"] = json!(7);
        pod["hostAliases"] = json!([{ "ip": "192.0.2.1", "hostnames": ["elsewhere.example"] }]);
        pod["dnsConfig"] = json!({ "options": [{ "name": "ndots", "value": "2" }] });
        pod["topologySpreadConstraints"] = json!([{ "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": { "matchLabels": { "team": "blue" } } }]);
        pod["containers"][0]["resources"] = json!({ "requests": { "cpu": "5m", "memory": "8Mi" } });
        pod["containers"][0]["securityContext"] = json!({ "runAsUser": 65532, "runAsNonRoot": true });
        let wanted = template.clone();
        space.api::<TodoApp>().patch("own", &PatchParams::apply(MANAGER), &Patch::Apply(&object)).await?;
        let pod = wait_for("a pod", Duration::from_secs(30), || async {
            ready_pods(&space, "own").await?.into_iter().next().context("none is ready")
        })
        .await?;
        let pod: Value = serde_json::to_value::<Pod>(pod)?;
        for pointer in [
            "/spec/terminationGracePeriodSeconds",
            "/spec/hostAliases",
            "/spec/dnsConfig",
            "/spec/topologySpreadConstraints",
            "/metadata/labels/team",
            "/metadata/annotations/example.com~1note",
        ] {
            ensure!(pod.pointer(pointer) == wanted.pointer(pointer), "{pointer}: {:?}", pod.pointer(pointer));
        }
        for field in ["resources", "securityContext", "image"] {
            let (has, wants) = (&pod["spec"]["containers"][0][field], &wanted["spec"]["containers"][0][field]);
            ensure!(has == wants, "{field}: {has}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_the_pod_that_nobody_knows_is_kept_and_named_by_a_condition() {
    with_namespace(async |space: Space| {
        let mut object = App::new("future").to_value();
        object["spec"]["template"]["spec"]["fieldOfTheFuture"] = json!({ "a": [1, true] });
        space.api::<TodoApp>().patch("future", &PatchParams::apply(MANAGER), &Patch::Apply(&object)).await?;
        let told = e2e::app::wait_condition(&space, "future", "Ready", "False", Duration::from_secs(15)).await?;
        ensure!(told.1.contains("fieldOfTheFuture"), "{told:?}");
        let kept = serde_json::to_value(space.api::<Revision>().get("future-00001").await?)?;
        ensure!(kept["spec"]["template"]["spec"]["fieldOfTheFuture"] == json!({ "a": [1, true] }), "{kept}");
        let kept = serde_json::to_value(get(&space, "future").await?)?;
        ensure!(kept["spec"]["template"]["spec"]["fieldOfTheFuture"] == json!({ "a": [1, true] }), "{kept}");
        Ok(())
    })
    .await;
}
