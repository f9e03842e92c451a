//! Sleeping apps that never had a pod: their objects, as an app leaves them that has slept for long.
//!
//! A new app has to be ready once before it may sleep. So these are written while no operator runs, and the next one
//! finds them as it would find its predecessor's: it makes what is missing (Services, EndpointSlices, the sidecar in the
//! Deployment, status) and wakes none.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use api::{Activity, Revision, RevisionSpec, TodoApp, condition, labels};
use e2e::cluster::{Component, image};
use e2e::{App, Cluster, Space, wait_for};
use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde_json::json;
use tokio::time::sleep;

/// Apps whose objects are written beside each other.
const WRITING: usize = 16;
/// For the operator to go, to come, and to bring a thousand apps in order.
const LIMIT: Duration = Duration::from_mins(3);
/// Between two looks at all apps, which take time themselves.
const PAUSE: Duration = Duration::from_secs(2);

/// Does `work` while no operator runs. Then as many run as before, also when it failed.
///
/// # Errors
/// Those of `work`, or the operator does not go or come.
pub async fn without_operator<T>(cluster: &Cluster, work: impl Future<Output = Result<T>>) -> Result<T> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let name = Component::Operator.deployment();
    let spec = api.get(name).await?.spec;
    let replicas = spec.replicas.unwrap_or(1);
    let scale = async |replicas: i32| {
        let body = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        api.patch_scale(name, &PatchParams::default(), &body).await
    };
    let by_hand = format!("kubectl -n {} scale deployment {name} --replicas={replicas}", cluster.system);
    eprintln!("no operator for a moment; if this is broken off: {by_hand}");
    scale(0).await?;
    let outcome = async {
        let selector = spec.selector.match_labels.unwrap_or_default();
        let selector: Vec<String> = selector.iter().map(|(label, value)| format!("{label}={value}")).collect();
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.system);
        wait_for("no operator", LIMIT, || async {
            let left = pods.list(&ListParams::default().labels(&selector.join(","))).await?.items.len();
            ensure!(left == 0, "{left} pods");
            Ok(())
        })
        .await?;
        work.await
    }
    .await;
    scale(replicas).await.context(by_hand)?;
    wait_for("the operator again", LIMIT, || async {
        let ready = api.get(name).await?.status.and_then(|status| status.ready_replicas).unwrap_or(0);
        ensure!(ready == replicas, "{ready} of {replicas} ready");
        Ok(())
    })
    .await?;
    outcome
}

/// Writes the objects of apps of these names; no operator may run.
///
/// # Errors
/// The API server refuses one.
pub async fn write(space: &Space, names: &[String]) -> Result<()> {
    let written = stream::iter(names.to_vec())
        .map(async |name| write_one(space, &name).await.with_context(|| format!("writing app {name}")));
    written.buffer_unordered(WRITING).try_collect().await
}

async fn write_one(space: &Space, name: &str) -> Result<()> {
    let app = App::new(name).apply(space).await?;
    let revisions: Api<Revision> = space.api();
    let made = revisions.create(&PostParams::default(), &revision(&app)).await.context("its Revision")?;
    // As the operator would write it, so that its own next word takes this one's place.
    let status = json!({ "apiVersion": Revision::api_version(&()), "kind": Revision::kind(&()),
        "status": { "wasReady": true } });
    let operator = PatchParams::apply(labels::MANAGER).force();
    revisions
        .patch_status(&made.name_any(), &operator, &Patch::Apply(status))
        .await
        .context("its Revision's status")?;
    let deployment = serde_json::from_value(deployment(&made))?;
    space.api::<Deployment>().create(&PostParams::default(), &deployment).await.context("its Deployment")?;
    Ok(())
}

/// The first Revision of an app, as the operator makes it.
fn revision(app: &TodoApp) -> Revision {
    let spec = app.spec.clone();
    let spec = RevisionSpec {
        template: spec.template,
        concurrency_limit: spec.concurrency_limit,
        timeouts: spec.timeouts,
        initializer: spec.initializer,
        recycle_after: spec.recycle_after,
    };
    let mut revision = Revision::new(&format!("{}-00001", app.name_any()), spec);
    let marks = [(labels::APP, app.name_any()), (labels::NUMBER, "1".to_owned())];
    revision.metadata.labels = Some(marks.map(|(label, value)| (label.to_owned(), value)).into());
    revision.metadata.owner_references = Some(app.controller_owner_ref(&()).into_iter().collect());
    revision
}

/// What the operator leaves alone of its Deployment: the selector, and that no pod is wanted.
fn deployment(revision: &Revision) -> serde_json::Value {
    let selector = json!({ labels::REVISION_UID: revision.uid() });
    let marks = json!({ labels::APP: revision.labels().get(labels::APP), labels::REVISION: revision.name_any(),
        labels::REVISION_UID: revision.uid() });
    json!({
        "metadata": {
            "name": revision.name_any(),
            "labels": marks,
            "ownerReferences": [revision.controller_owner_ref(&())],
        },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": selector },
            "template": {
                "metadata": { "labels": marks },
                "spec": { "containers": [{ "name": "app", "image": image("todoapp-testapp") }] },
            },
        },
    })
}

/// Waits until apps of these names are ready, asleep and have all that the operator makes, but no pod.
///
/// # Errors
/// One is not in time.
pub async fn asleep(space: &Space, names: &[String]) -> Result<()> {
    wait_for(&format!("{} apps asleep", names.len()), LIMIT, || async {
        let looked = look(space, names).await;
        if looked.is_err() {
            sleep(PAUSE).await;
        }
        looked
    })
    .await
}

/// The cheapest look first.
async fn look(space: &Space, names: &[String]) -> Result<()> {
    let all = ListParams::default();
    let apps = space.api::<TodoApp>().list(&all).await?.items;
    lacks(names, "asleep", &apps.iter().filter(|app| sleeps(app)).map(ResourceExt::name_any).collect())?;
    let services = space.api::<Service>().list(&all).await?.items;
    let services = services.iter().map(ResourceExt::name_any).collect();
    lacks(names, "Services", &services)?;
    let revisions: Vec<String> = names.iter().map(|name| format!("{name}-00001")).collect();
    lacks(&revisions, "Services", &services)?;
    let deployments = space.api::<Deployment>().list(&all).await?.items;
    lacks(&revisions, "Deployments", &deployments.iter().filter(|d| is_woven(d)).map(ResourceExt::name_any).collect())?;
    let names: HashSet<&String> = names.iter().collect();
    for pod in space.api::<Pod>().list(&all).await?.items {
        ensure!(pod.labels().get(labels::APP).is_none_or(|app| !names.contains(app)), "pod {}", pod.name_any());
    }
    Ok(())
}

/// Fails unless all of these names are in the set.
fn lacks(names: &[String], what: &str, found: &HashSet<String>) -> Result<()> {
    let lacking: Vec<&String> = names.iter().filter(|name| !found.contains(*name)).collect();
    match lacking[..] {
        [] => Ok(()),
        [first, ..] => bail!("{what}: {} are not, such as {first}", lacking.len()),
    }
}

fn sleeps(app: &TodoApp) -> bool {
    let Some(status) = &app.status else { return false };
    status.observed_generation == app.metadata.generation
        && condition::is_true(&status.conditions, condition::READY)
        && status.activity == Some(Activity::Idle)
}

/// Whether the operator has put the sidecar into it and nobody has asked for a pod.
fn is_woven(deployment: &Deployment) -> bool {
    deployment.spec.replicas == Some(0) && deployment.annotations().contains_key(labels::SIDECAR)
}
