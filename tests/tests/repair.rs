//! What is deleted comes back, what is bent is made straight, and no request notices a deleted pod.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::command::run;
use e2e::observe::{deployment, ready_pods};
use e2e::trickle::Trickle;
use e2e::{App, Space, wait_for, with_namespace};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Within this time everything has to be as it was.
const BACK: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_pod_is_replaced_and_no_request_is_lost() {
    with_namespace(async |space: Space| {
        let app = App::new("busy").drowsy().ready(&space).await?;
        let target = space.target(&app).await?;
        target.get("/").await?.expect(200)?;
        let old = ready_pods(&space, "busy").await?.first().context("a ready pod")?.name_any();
        let trickle = Trickle::start(target, "/?sleep=100", Duration::from_millis(40));
        answered(&trickle, 10).await?;
        run("kubectl", &["-n", &space.name, "delete", "pod", &old]).await?;
        wait_for("another pod Ready", Duration::from_secs(20), || async {
            let pods = ready_pods(&space, "busy").await?;
            ensure!(pods.iter().any(|p| p.name_any() != old), "{} pods", pods.len());
            Ok(())
        })
        .await?;
        answered(&trickle, 20).await?;
        let replies = trickle.finish().await?;
        let slowest = replies.iter().map(|r| r.elapsed).max();
        println!("{} requests, none lost, slowest {slowest:?}", replies.len());
        Ok(())
    })
    .await;
}

/// Waits for so many more answers.
async fn answered(trickle: &Trickle, more: usize) -> Result<()> {
    let before = trickle.answered();
    wait_for("answers", Duration::from_secs(5), || async {
        ensure!(trickle.answered() >= before + more, "{} answers", trickle.answered());
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_deployment_or_service_is_back_within_5_seconds() {
    with_namespace(async |space: Space| {
        let app = App::new("gone").asleep(&space).await?;
        let revision = deployment(&space, "gone").await?.name_any();
        deleted_comes_back::<Deployment>(&space, &revision).await?;
        deleted_comes_back::<Service>(&space, &revision).await?;
        deleted_comes_back::<Service>(&space, "gone").await?;
        let slice = slice_of(&space, "gone").await?.name_any();
        deleted_comes_back::<EndpointSlice>(&space, &slice).await?;
        space.target(&app).await?.get("/").await?.expect(200)?;
        Ok(())
    })
    .await;
}

async fn deleted_comes_back<K>(space: &Space, name: &str) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api = space.api::<K>();
    let kind = K::kind(&());
    let old = api.get(name).await.with_context(|| format!("{kind} {name}"))?.uid();
    api.delete(name, &DeleteParams::background()).await?;
    wait_for(&format!("{kind} {name} back"), BACK, || async {
        let new = api.get(name).await?;
        ensure!(new.uid() != old && new.meta().deletion_timestamp.is_none(), "the old one is still there");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_deployments_image_is_undone() {
    with_namespace(async |space: Space| {
        App::new("painted").asleep(&space).await?;
        let before = deployment(&space, "painted").await?;
        let edit = json!([{ "op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "todoapp.local/meddled:1" }]);
        meddle::<Deployment>(&space, &before.name_any(), edit).await?;
        wait_for("the image undone", BACK, || async {
            let now = images(&deployment(&space, "painted").await?);
            ensure!(now == images(&before), "{now:?}");
            Ok(())
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_services_port_is_undone() {
    with_namespace(async |space: Space| {
        App::new("moved").asleep(&space).await?;
        meddle::<Service>(&space, "moved", json!([{ "op": "replace", "path": "/spec/ports/0/port", "value": 81 }]))
            .await?;
        wait_for("the port undone", BACK, || async {
            let ports = space.api::<Service>().get("moved").await?.spec.and_then(|s| s.ports).unwrap_or_default();
            let ports: Vec<i32> = ports.iter().map(|p| p.port).collect();
            ensure!(ports == [80], "{ports:?}");
            Ok(())
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_endpoints_is_undone() {
    with_namespace(async |space: Space| {
        App::new("bent").asleep(&space).await?;
        let before = slice_of(&space, "bent").await?;
        let edit = json!([{ "op": "replace", "path": "/endpoints", "value": [{ "addresses": ["192.0.2.1"] }] }]);
        meddle::<EndpointSlice>(&space, &before.name_any(), edit).await?;
        wait_for("the endpoints undone", BACK, || async {
            let now = addresses(&slice_of(&space, "bent").await?);
            ensure!(now == addresses(&before), "{now:?}");
            Ok(())
        })
        .await
    })
    .await;
}

/// A JSON patch by somebody else.
async fn meddle<K>(space: &Space, name: &str, edit: Value) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let parameters = PatchParams { field_manager: Some("meddler".to_owned()), ..PatchParams::default() };
    let patch: Patch<()> = Patch::Json(serde_json::from_value(edit)?);
    space.api::<K>().patch(name, &parameters, &patch).await?;
    Ok(())
}

fn images(deployment: &Deployment) -> Vec<String> {
    let containers = deployment.spec.template.spec.as_ref().map(|s| s.containers.as_slice()).unwrap_or_default();
    containers.iter().filter_map(|c| c.image.clone()).collect()
}

async fn slice_of(space: &Space, service: &str) -> Result<EndpointSlice> {
    let of_service = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    let slices = space.api::<EndpointSlice>().list(&of_service).await?;
    slices.items.into_iter().next().with_context(|| format!("Service {service} has no EndpointSlice"))
}

fn addresses(slice: &EndpointSlice) -> Vec<String> {
    let mut all: Vec<String> = slice.endpoints.iter().flatten().flat_map(|e| e.addresses.clone()).collect();
    all.sort();
    all
}
