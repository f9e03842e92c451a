//! The admin ports: metrics that Prometheus' own lint accepts, probes, and a readable state.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::{Component, pod_address};
use e2e::http::Target;
use e2e::metrics::Scrape;
use e2e::observe::ready_pods;
use e2e::{App, Cluster, Space, wait_for, with_namespace};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn every_admin_port_serves_probes_lint_clean_metrics_and_its_state() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let app = App::new("watched").drowsy().ready(&space).await?;
        space.target(&app).await?.get("/").await?.expect(200)?;
        let pod = ready_pods(&space, "watched").await?.into_iter().next().context("a ready pod")?;
        let mut ports = space.cluster.admin(Component::Operator).await?;
        ports.extend(space.cluster.admin(Component::Activator).await?);
        ports.push(("queue-proxy".to_owned(), pod_address(&pod, 9091)?));
        ensure!(ports.len() >= 3, "{ports:?}");
        for (name, address) in ports {
            check(&space, address).await.with_context(|| format!("admin port of {name}"))?;
        }
        Ok(())
    })
    .await;
}

async fn check(space: &Space, address: SocketAddr) -> Result<()> {
    let admin = Target::at(address);
    admin.get("/live").await?.expect(200)?;
    admin.get("/ready").await?.expect(200)?;
    admin.get("/nothing").await?.expect(404)?;
    let scrape = Scrape::get(address).await?;
    ensure!(scrape.text().contains("\ntodoapp_build_info{"), "no todoapp_build_info:\n{}", scrape.text());
    scrape.lint().await?;
    // A standby of the operator knows no app; with one replica the only one leads.
    wait_for("the app in /debug/state", Duration::from_secs(5), || async {
        let reply = admin.get("/debug/state").await?.expect(200)?;
        let state: Value = serde_json::from_str(&reply.body).context("not JSON")?;
        let text = state.to_string();
        ensure!(text.contains(&space.name) && text.contains("watched"), "{text}");
        Ok(())
    })
    .await
}
