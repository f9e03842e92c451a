//! What is deleted, in whatever order, comes back when it is wanted and goes when it is not; nothing hangs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Revision, TodoApp};
use e2e::app::get;
use e2e::command::run;
use e2e::observe::{deployment, ready_pods};
use e2e::{App, Space, wait_for, with_namespace};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use rand::seq::SliceRandom;
use serde_json::json;

/// Within this time everything is there again, on a machine that does other things too.
const BACK: Duration = Duration::from_secs(10);
/// All that an app owns.
const KINDS: &str = "revisions,deployments,replicasets,pods,services,endpoints,endpointslices,secrets,configmaps";

/// Names of what there is, `kind/name`.
async fn owned(space: &Space) -> Result<Vec<String>> {
    let left = run("kubectl", &["-n", &space.name, "get", KINDS, "-o", "name"]).await?;
    Ok(left.lines().filter(|line| *line != "configmap/kube-root-ca.crt").map(str::to_owned).collect())
}

async fn nothing_left(space: &Space) -> Result<()> {
    wait_for("nothing left", Duration::from_secs(30), || async {
        let left = owned(space).await?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_an_app_owns_comes_back_in_whatever_order_it_is_deleted() {
    with_namespace(async |space: Space| {
        let traffic = json!([{ "latest": true, "percent": 100, "tag": "now" }]);
        let app = App::new("whole").field("traffic", traffic).asleep(&space).await?;
        let of_revision = deployment(&space, "whole").await?.name_any();
        let secret = run("kubectl", &["-n", &space.name, "get", "secrets", "-o", "name"]).await?;
        let mut victims = vec![secret.trim().to_owned(), format!("revision/{of_revision}")];
        victims.extend([format!("deployment/{of_revision}"), format!("service/{of_revision}")]);
        for door in ["whole", "now-whole"] {
            victims.extend([format!("service/{door}"), format!("endpointslice/{door}")]);
        }
        for round in 0..3 {
            victims.shuffle(&mut rand::rng());
            println!("round {round}: {victims:?}");
            for victim in &victims {
                let delete = ["-n", &space.name, "delete", victim, "--ignore-not-found", "--wait=false"];
                run("kubectl", &delete).await?;
            }
            let target = space.target(&app).await?;
            wait_for("everything back", BACK, || async {
                let there = owned(&space).await?;
                let has = |name: &str| there.iter().any(|found| found.contains(name));
                for name in [
                    "revision.todoapp.dev/whole-",
                    "deployment.apps/whole-",
                    "secret/",
                    "service/now-whole",
                    "endpointslice.discovery.k8s.io/now-whole",
                    "endpointslice.discovery.k8s.io/whole",
                ] {
                    ensure!(has(name), "no {name} in {there:?}");
                }
                target.get("/").await?.expect(200)
            })
            .await?;
        }
        run("kubectl", &["-n", &space.name, "delete", "todoapp", "whole", "--timeout=10s"]).await?;
        nothing_left(&space).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_deleted_and_made_again_at_once_is_a_new_one_and_answers() {
    with_namespace(async |space: Space| {
        let app = App::new("again").drowsy();
        let old = app.ready(&space).await?;
        space.target(&old).await?.get("/").await?.expect(200)?;
        let pod = ready_pods(&space, "again").await?.first().context("a pod")?.uid();
        for _ in 0..3 {
            space.api::<TodoApp>().delete("again", &DeleteParams::background()).await?;
            app.apply(&space).await?;
        }
        // Objects of the old one stand in the way until they are collected.
        let target = space.target(&old).await?;
        wait_for("the new one", Duration::from_secs(40), || async {
            let new = get(&space, "again").await?;
            let revision = space.api::<Revision>().get("again-00001").await?;
            ensure!(
                revision.owner_references().iter().any(|owner| Some(&owner.uid) == new.uid().as_ref()),
                "old revision"
            );
            let pods = ready_pods(&space, "again").await?;
            ensure!(pods.iter().all(|p| p.uid() != pod), "old pod");
            ensure!(api::condition::is_true(&new.status.unwrap_or_default().conditions, "Ready"), "not Ready");
            target.get("/").await?.expect(200)
        })
        .await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_in_the_foreground_of_its_deletion_is_gone_when_the_command_returns() {
    with_namespace(async |space: Space| {
        App::new("front").drowsy().ready(&space).await?;
        run("kubectl", &["-n", &space.name, "delete", "todoapp", "front", "--cascade=foreground", "--timeout=40s"])
            .await?;
        nothing_left(&space).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_with_apps_awake_and_asleep_is_gone_soon_after_it_is_deleted() {
    with_namespace(async |space: Space| {
        App::new("awake").drowsy().ready(&space).await?;
        App::new("asleep").asleep(&space).await?;
        App::new("broken")
            .container("volumeMounts", json!([{ "name": "nothing", "mountPath": "/x" }]))
            .apply(&space)
            .await?;
        let all: Api<Namespace> = Api::all(space.client());
        all.delete(&space.name, &DeleteParams::default()).await?;
        wait_for("the namespace gone", Duration::from_secs(40), || async {
            let left = all.get_opt(&space.name).await?;
            ensure!(left.is_none(), "{:?}", left.and_then(|namespace| namespace.status));
            Ok(())
        })
        .await
    })
    .await;
}
