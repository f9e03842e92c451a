//! Releases of what nobody uses at the moment: the case that tools stall at which ask others for numbers.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{App, Space, app, observe, wait_for, with_namespace};
use serde_json::{Value, json};

use super::{gradual, promoted, release};

fn version(name: &str, v: &str, analysis: &Value) -> App {
    let rollout = gradual("4s", &[50], analysis);
    App::new(name).revision(&format!("{name}-{v}")).env("VERSION", v).field("rollout", rollout)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_requests_it_waits_and_a_few_are_enough() {
    with_namespace(async |space: Space| {
        let analysis = json!({ "interval": "1s", "minRequests": 4, "maxErrorRate": "1%" });
        version("quiet", "v1", &analysis).asleep(&space).await?;
        let app = version("quiet", "v2", &analysis).ready(&space).await?;
        wait_for("a release that waits for traffic", Duration::from_secs(30), || async {
            let status = release(&space, "quiet").await?;
            ensure!(status.phase == Some(api::rollout::Phase::WaitingForTraffic), "{status:?}");
            Ok(())
        })
        .await?;
        let (_, told) = promoted(&space, "quiet", "Unknown", Duration::from_secs(5)).await?;
        ensure!(told.contains("0 of 4 requests"), "{told}");
        let target = space.target(&app).await?;
        for _ in 0..12 {
            target.get("/").await?.expect(200)?;
        }
        promoted(&space, "quiet", "True", Duration::from_secs(20)).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_stand_in_for_users_and_afterwards_everything_sleeps() {
    with_namespace(async |space: Space| {
        let probe = |path: &str| {
            json!({ "interval": "1s", "minRequests": 10, "maxErrorRate": "1%", "probe": { "path": path, "count": 5 } })
        };
        version("probed", "v1", &probe("/health")).asleep(&space).await?;
        version("probed", "v2", &probe("/health")).ready(&space).await?;
        promoted(&space, "probed", "True", Duration::from_secs(40)).await?;
        app::sleeping(&space, "probed").await?;
        ensure!(observe::pods(&space, "probed").await?.is_empty());
        // A path at which version 3 answers another status than what is expected.
        version("probed", "v3", &json!({ "interval": "1s", "minRequests": 10, "maxErrorRate": "1%",
            "probe": { "path": "/health", "status": 204 } }))
        .ready(&space)
        .await?;
        let (reason, message) = promoted(&space, "probed", "False", Duration::from_secs(40)).await?;
        ensure!(reason == "CheckFailed", "{reason}: {message}");
        app::sleeping(&space, "probed").await?;
        Ok::<_, anyhow::Error>(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_never_starts_changes_nothing_for_users() -> Result<()> {
    with_namespace(async |space: Space| {
        let app = version("kept", "v1", &Value::Null).drowsy().ready(&space).await?;
        let broken = version("kept", "v2", &Value::Null).drowsy().env("FAIL", "exit").apply(&space).await?;
        let (reason, message) = app::wait_condition(&space, "kept", "Ready", "False", Duration::from_mins(1)).await?;
        ensure!(reason == "CrashLoopBackOff" && message.contains("exited with code 1"), "{reason}: {message}");
        let (reason, _) = promoted(&space, "kept", "False", Duration::from_secs(5)).await?;
        ensure!(reason == "CrashLoopBackOff" && broken.metadata.generation > app.metadata.generation);
        let target = space.target(&app).await?;
        for _ in 0..10 {
            ensure!(target.get("/who").await?.expect(200)?.body.trim().ends_with("v1"));
        }
        Ok(())
    })
    .await;
    Ok(())
}
