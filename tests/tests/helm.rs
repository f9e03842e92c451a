//! A user's own chart with an app in it, and the tools that wait for its conditions (kstatus).

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::app::{get, sleeping};
use e2e::command::run;
use e2e::observe::{deployments, ready_pods};
use e2e::{App, Space, wait_for, with_namespace};
use kube::ResourceExt;
use serde_json::json;
use tokio::fs;
use tokio::time::Instant;

/// Longer than a failure that is certain may take to be told.
const PATIENCE: &str = "20s";

/// A chart with one template, in a folder that goes with it.
struct Chart(PathBuf);

impl Chart {
    async fn of(app: &App) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("chart-{:08x}", rand::random::<u32>()));
        fs::create_dir_all(folder.join("templates")).await?;
        let meta = json!({ "apiVersion": "v2", "name": "user", "version": "1.0.0" });
        fs::write(folder.join("Chart.yaml"), meta.to_string()).await?;
        let chart = Self(folder);
        chart.set(app).await?;
        Ok(chart)
    }

    async fn set(&self, app: &App) -> Result<()> {
        Ok(fs::write(self.0.join("templates/app.yaml"), app.to_value().to_string()).await?)
    }

    fn path(&self) -> Result<&str> {
        Path::to_str(&self.0).context("a path in UTF-8")
    }

    /// `helm VERB user … -n NAMESPACE --wait`.
    async fn helm(&self, verb: &str, space: &Space, more: &[&str]) -> Result<String> {
        let wait = ["-n", &space.name, "--wait", "--timeout", PATIENCE];
        run("helm", &[&[verb, "user"], more, &wait[..]].concat()).await
    }
}

impl Drop for Chart {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_a_users_chart_changes_what_it_names_and_nothing_else() {
    with_namespace(async |space: Space| {
        let app = App::new("user").env("VERSION", "v1");
        let chart = Chart::of(&app.clone().drowsy()).await?;
        chart.helm("install", &space, &[chart.path()?]).await?;
        let installed = get(&space, "user").await?;
        space.target(&installed).await?.get("/").await?.expect(200)?;
        let pod = ready_pods(&space, "user").await?.first().context("a pod")?.uid();

        chart.helm("upgrade", &space, &[chart.path()?]).await?;
        let same = get(&space, "user").await?;
        ensure!(same.metadata.generation == installed.metadata.generation, "an upgrade to the same changed the app");
        ensure!(ready_pods(&space, "user").await?.first().and_then(ResourceExt::uid) == pod, "another pod");

        // Live settings, and then a version: the replicas that the autoscaler has written since are no conflict.
        chart.set(&app).await?;
        chart.helm("upgrade", &space, &[chart.path()?]).await?;
        sleeping(&space, "user").await?;
        ensure!(deployments(&space, "user").await?.len() == 1, "a change of scaling made a revision");
        chart.set(&app.env("VERSION", "v2")).await?;
        chart.helm("upgrade", &space, &[chart.path()?]).await?;
        let reply = space.target(&installed).await?.get("/").await?.expect(200)?;
        ensure!(reply.body.contains("v2"), "ready, but answered by {}", reply.body);

        chart.helm("uninstall", &space, &[]).await?;
        wait_for("nothing left", Duration::from_secs(20), || async {
            ensure!(deployments(&space, "user").await?.is_empty());
            Ok(())
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_and_kubectl_that_wait_for_an_app_that_cannot_be_are_told_why() {
    with_namespace(async |space: Space| {
        let volume = json!([{ "name": "nothing", "mountPath": "/data" }]);
        let chart = Chart::of(&App::new("user").container("volumeMounts", volume)).await?;
        let begin = Instant::now();
        let told = chart.helm("install", &space, &[chart.path()?]).await.expect_err("an app that cannot be");
        println!("after {:?}: {told:#}", begin.elapsed());
        let ready = ["-n", &space.name, "wait", "todoapp/user", "--timeout=1s", "--for"];
        run("kubectl", &[&ready[..], &["condition=Stalled"]].concat()).await?;
        run("kubectl", &[&ready[..], &["condition=Ready=False"]].concat()).await?;
        let refused = run("kubectl", &[&ready[..], &["condition=Ready"]].concat()).await;
        ensure!(refused.is_err(), "an app that cannot be is Ready");

        chart.set(&App::new("user")).await?;
        chart.helm("upgrade", &space, &["--install", chart.path()?]).await?;
        run("kubectl", &[&ready[..], &["condition=Ready"]].concat()).await?;
        let stalled = run("kubectl", &[&ready[..], &["condition=Stalled"]].concat()).await;
        ensure!(stalled.is_err(), "an app that is mended is Stalled");
        Ok(())
    })
    .await;
}
