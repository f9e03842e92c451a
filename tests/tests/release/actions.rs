//! A person decides: promotion, withdrawal, and a version that waits for one.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::trickle::Trickle;
use e2e::{App, Space, wait_for, with_namespace};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{act, gradual, has_share, promoted, release};

fn version(name: &str, v: &str, rollout: Value) -> App {
    App::new(name).drowsy().revision(&format!("{name}-{v}")).env("VERSION", v).field("rollout", rollout)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_is_seen_within_a_second_and_loses_nothing() {
    with_namespace(async |space: Space| {
        let rollout = gradual("1h", &[50], &Value::Null);
        version("gone", "v1", rollout.clone()).ready(&space).await?;
        let app = version("gone", "v2", rollout).ready(&space).await?;
        has_share(&space, "gone", "gone-v2", 50).await?;
        let target = space.target(&app).await?;
        let trickle = Trickle::start(target.clone(), "/who", Duration::from_millis(20));
        wait_for("both versions", Duration::from_secs(20), || async {
            let reply = target.get("/who").await?;
            ensure!(reply.body.trim().ends_with("v2"), "{}", reply.body);
            Ok(())
        })
        .await?;
        act(&space, "gone", "Abort", "1").await?;
        let written = wait_for("the release withdrawn", Duration::from_secs(10), || async {
            ensure!(release(&space, "gone").await?.percent == 0);
            Ok(Instant::now())
        })
        .await?;
        let all_first = wait_for("only v1", Duration::from_secs(10), || async {
            for _ in 0..20 {
                let reply = target.get("/who").await?;
                ensure!(reply.body.trim().ends_with("v1"), "{}", reply.body);
            }
            Ok(Instant::now())
        })
        .await?;
        println!("every activator within {:?} of the status (twenty answers in a row)", all_first - written);
        ensure!(all_first - written < Duration::from_secs(2), "{:?}", all_first - written);
        let (reason, message) = promoted(&space, "gone", "False", Duration::from_secs(5)).await?;
        ensure!(reason == "Aborted", "{reason}: {message}");
        // The same once more is no news; another token is.
        act(&space, "gone", "Abort", "1").await?;
        act(&space, "gone", "Promote", "2").await?;
        promoted(&space, "gone", "True", Duration::from_secs(10)).await?;
        let replies = trickle.finish().await?;
        println!("{} requests, none lost", replies.len());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_release_is_tried_by_its_tag_and_waits_for_a_person() {
    with_namespace(async |space: Space| {
        let rollout = json!({ "strategy": "Manual" });
        version("tried", "v1", rollout.clone()).ready(&space).await?;
        let app = version("tried", "v2", rollout).ready(&space).await?;
        let tagged = wait_for("the candidate's tag", Duration::from_secs(20), || async {
            let status = e2e::app::get(&space, "tried").await?.status.unwrap_or_default();
            let tagged = status.traffic.iter().find(|t| t.tag.as_deref() == Some("candidate")).cloned();
            tagged.ok_or_else(|| anyhow::anyhow!("{:?}", status.traffic))
        })
        .await?;
        ensure!(tagged.percent == 0 && tagged.revision == "tried-v2", "{tagged:?}");
        let users = space.target(&app).await?;
        let host =
            tagged.url.unwrap_or_default().trim_start_matches("http://").split(':').next().unwrap_or("").to_owned();
        let testers = e2e::http::Target { host, ..users.clone() };
        let version_of = async |target: &e2e::http::Target| -> Result<String> {
            Ok(target.get("/who").await?.expect(200)?.body.trim().rsplit(' ').next().unwrap_or_default().to_owned())
        };
        for _ in 0..10 {
            ensure!(version_of(&users).await? == "v1" && version_of(&testers).await? == "v2");
        }
        act(&space, "tried", "Promote", "go").await?;
        promoted(&space, "tried", "True", Duration::from_secs(10)).await?;
        wait_for("users get v2", Duration::from_secs(5), || async {
            ensure!(version_of(&users).await? == "v2");
            Ok(())
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_to_what_an_app_was_builds_nothing_and_takes_no_window() {
    with_namespace(async |space: Space| {
        let plain =
            |v: &str| App::new("back").drowsy().env("VERSION", v).field("rollout", gradual("1s", &[50], &Value::Null));
        plain("v1").ready(&space).await?;
        plain("v2").ready(&space).await?;
        promoted(&space, "back", "True", Duration::from_mins(1)).await?;
        let slow = |v: &str| plain(v).field("rollout", gradual("1h", &[50], &Value::Null));
        slow("v1").apply(&space).await?;
        let (_, message) = promoted(&space, "back", "True", Duration::from_secs(20)).await?;
        ensure!(message.contains("'back-00001'"), "{message}");
        let revisions = space.api::<api::Revision>().list(&kube::api::ListParams::default()).await?.items;
        ensure!(revisions.len() == 2, "{} revisions", revisions.len());
        Ok(())
    })
    .await;
}
