//! The life of an installation: test, upgrade under load, uninstall, install again. Runs alone and last.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::app::get;
use e2e::cluster::{Cluster, Component};
use e2e::command::{run, run_with_input};
use e2e::installation::{CHART, Installation};
use e2e::trickle::Trickle;
use e2e::{App, Space, wait_for, with_namespace};
use kube::ResourceExt;

async fn no_pod_is_ending(release: &Installation) -> Result<()> {
    wait_for("the old pods gone", Duration::from_mins(1), || async {
        let all = run("kubectl", &["-n", &release.namespace, "get", "pods", "-o", "json"]).await?;
        ensure!(!all.contains("deletionTimestamp"), "some are ending");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helm_test_passes() {
    with_namespace(async |space: Space| {
        let output = Installation::find(&space.cluster).await?.helm("test", &["--timeout", "3m"]).await?;
        ensure!(output.contains("Succeeded"), "{output}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b_an_upgrade_under_load_loses_no_request() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let release = Installation::find(&space.cluster).await?;
        let app = App::new("loaded").drowsy().ready(&space).await?;
        let trickle = Trickle::start(space.target(&app).await?, "/?sleep=30", Duration::from_millis(40));
        // Annotations of the pods: every process is replaced, as by a new version.
        let mark = format!("{:08x}", rand::random::<u32>());
        let sets = ["operator", "activator"].map(|c| format!("{c}.podAnnotations.upgrade=n{mark}"));
        release.set(&[&sets[0], &sets[1]]).await?;
        for component in [Component::Operator, Component::Activator] {
            let pods = space.cluster.pods(component).await?;
            ensure!(
                pods.iter().any(|p| p.annotations().get("upgrade").is_some_and(|v| v.ends_with(&mark))),
                "not upgraded"
            );
        }
        no_pod_is_ending(&release).await?;
        println!("{} requests during the upgrade, none lost", trickle.finish().await?.len());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_uninstall_keeps_what_users_made_and_a_new_install_adopts_it() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let release = Installation::find(&space.cluster).await?;
        let values = run("helm", &["get", "values", &release.name, "-n", &release.namespace, "-o", "json"]).await?;
        let app = App::new("kept").asleep(&space).await?;
        let before = get(&space, "kept").await?;

        release.helm("uninstall", &["--wait", "--timeout", "3m"]).await?;
        let kept = get(&space, "kept").await?;
        ensure!(kept.uid() == before.uid() && kept.metadata.deletion_timestamp.is_none(), "the app was deleted");
        no_pod_is_ending(&release).await?;
        run("kubectl", &["get", "crd", "todoapps.todoapp.dev", "revisions.todoapp.dev"]).await?;

        let install =
            ["install", &release.name, CHART, "-n", &release.namespace, "-f", "-", "--wait", "--timeout", "3m"];
        run_with_input("helm", &install, if values.trim() == "null" { "{}" } else { &values }).await?;
        let target = space.target(&app).await?;
        let reply = wait_for("an answer of the kept app", Duration::from_secs(30), || async {
            target.get("/").await?.expect(200)
        });
        println!("answered by {}", reply.await?.body.trim());
        ensure!(get(&space, "kept").await?.uid() == before.uid());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d_deleting_an_app_leaves_nothing_behind() {
    with_namespace(async |space: Space| {
        let app = App::new("leaves").env("VERSION", "v1").ready(&space).await?;
        App::new("leaves").env("VERSION", "v2").ready(&space).await?;
        space.target(&app).await?.get("/").await?.expect(200)?;
        run("kubectl", &["-n", &space.name, "delete", "todoapp", "leaves"]).await?;
        let kinds =
            "todoapps,revisions,deployments,replicasets,pods,services,endpoints,endpointslices,secrets,configmaps";
        wait_for("an empty namespace", Duration::from_secs(40), || async {
            let left = run("kubectl", &["-n", &space.name, "get", kinds, "-o", "name"]).await?;
            let left: Vec<&str> = left.lines().filter(|l| *l != "configmap/kube-root-ca.crt").collect();
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })
        .await
    })
    .await;
}
