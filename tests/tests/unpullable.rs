//! An app that cannot start says why, wherever one looks, and disturbs nobody else.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::{TodoApp, condition};
use e2e::app::{get, routed, wait_condition};
use e2e::http::Target;
use e2e::trickle::Trickle;
use e2e::{App, Space, wait_for, with_namespace};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use serde_json::json;

/// No registry has it.
const IMAGE: &str = "todoapp.local/nothing:1";
const LIMIT: Duration = Duration::from_secs(30);

fn unpullable(name: &str) -> App {
    App::new(name).image(IMAGE).container("imagePullPolicy", json!("IfNotPresent"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_does_not_exist_is_named_by_condition_event_and_answer() {
    with_namespace(async |space: Space| {
        let neighbour = App::new("neighbour").ready(&space).await?;
        let trickle = Trickle::start(space.target(&neighbour).await?, "/", Duration::from_millis(200));
        unpullable("broken").apply(&space).await?;
        routed(&space, "broken").await?;
        let target = public_target(&space, &neighbour, "broken").await?;
        // An activator may hear of the app a moment later than we do.
        let reply = wait_for("an answer", LIMIT, || async {
            let reply = target.get("/").await?;
            ensure!(reply.status != 404, "{reply:?}");
            Ok(reply)
        })
        .await?
        .expect(503)?;
        ensure!(reply.header("todoapp-error") == "revision-failed", "{reply:?}");
        ensure!(["ImagePullBackOff", "ErrImagePull"].iter().any(|reason| reply.body.contains(reason)), "{reply:?}");

        let (reason, message) = wait_condition(&space, "broken", condition::READY, "False", LIMIT).await?;
        println!("answer after {:?}: {}condition {reason}: {message}", reply.elapsed, reply.body);
        ensure!(message.contains(IMAGE), "condition {reason}: {message}");
        let event = event_that_names(&space, "broken", IMAGE).await?;
        println!("event: {event}");
        trickle.finish().await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_be_pulled_leaves_traffic_where_it_was() {
    with_namespace(async |space: Space| {
        let app = App::new("stays").drowsy().env("VERSION", "v1").ready(&space).await?;
        let trickle = Trickle::start(space.target(&app).await?, "/who", Duration::from_millis(100));
        unpullable("stays").drowsy().apply(&space).await?;
        let (reason, message) = wait_condition(&space, "stays", condition::REVISION_READY, "False", LIMIT).await?;
        ensure!(message.contains(IMAGE), "condition {reason}: {message}");
        let status = get(&space, "stays").await?.status.unwrap_or_default();
        ensure!(status.latest_ready_revision.as_deref() == Some("stays-00001"), "{status:?}");
        for reply in trickle.finish().await? {
            ensure!(reply.body.contains("v1"), "{reply:?}");
        }
        App::new("stays").drowsy().env("VERSION", "v3").ready(&space).await?;
        let status = get(&space, "stays").await?.status.unwrap_or_default();
        ensure!(status.latest_ready_revision.as_deref() == Some("stays-00003"), "{status:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_ends_at_once_is_named_by_condition_and_event() {
    with_namespace(async |space: Space| {
        App::new("crashes").env("FAIL", "exit").apply(&space).await?;
        let limit = Duration::from_secs(45);
        let (reason, message) = wait_condition(&space, "crashes", condition::READY, "False", limit).await?;
        ensure!(format!("{reason} {message}").contains("CrashLoopBackOff"), "condition {reason}: {message}");
        let event = event_that_names(&space, "crashes", "CrashLoopBackOff").await?;
        println!("condition {reason}: {message}\nevent: {event}");
        Ok(())
    })
    .await;
}

/// The public port under the host that `name` has or will have.
async fn public_target(space: &Space, other: &TodoApp, name: &str) -> Result<Target> {
    let target = space.target(other).await?;
    let (_, rest) = target.host.split_once('.').unwrap_or_default();
    Ok(Target { host: format!("{name}.{rest}"), ..target })
}

/// A Warning about the app or its revision that has this text in its reason or note.
async fn event_that_names(space: &Space, app: &str, text: &str) -> Result<String> {
    wait_for(&format!("an Event of {app} with {text}"), LIMIT, || async {
        let events = space.api::<Event>().list(&ListParams::default()).await?;
        let ours = events.items.into_iter().filter(|e| {
            let kind = e.involved_object.kind.as_deref();
            let of_app = e.involved_object.name.as_deref().is_some_and(|name| name.starts_with(app));
            of_app && matches!(kind, Some("TodoApp" | "Revision")) && e.type_.as_deref() == Some("Warning")
        });
        let texts: Vec<String> =
            ours.map(|e| format!("{}: {}", e.reason.unwrap_or_default(), e.message.unwrap_or_default())).collect();
        let found = texts.iter().find(|t| t.contains(text)).cloned();
        ensure!(found.is_some(), "{texts:?}");
        Ok(found.unwrap_or_default())
    })
    .await
}
