//! The beginning and the end of a pod's life: its initializer, and the number of requests after which it is replaced.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use e2e::app::{routed, wait_condition};
use e2e::http::Target;
use e2e::{App, Space, with_namespace};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_initialized_before_its_first_request() {
    with_namespace(async |space: Space| {
        let app = App::new("initialized").field("initializer", json!({ "path": "/echo" })).asleep(&space).await?;
        let target = space.target(&app).await?;
        target.get("/").await?.expect(200)?;
        // The initializer counts as a request of the app's own, and was the first.
        let count: u32 = target.get("/count").await?.expect(200)?.body.trim().parse()?;
        ensure!(count == 2, "{count} requests");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_initializer_is_told_with_its_answer() {
    with_namespace(async |space: Space| {
        // The path asks for a change of protocol, which no initializer makes.
        App::new("refusing").field("initializer", json!({ "path": "/ws" })).apply(&space).await?;
        routed(&space, "refusing").await?;
        let limit = Duration::from_mins(1);
        let (_, message) = wait_condition(&space, "refusing", "RevisionReady", "False", limit).await?;
        println!("{message}");
        ensure!(message.contains("initializer POST /ws: answered 426"), "{message}");
        let reply = Target::at(space.address("refusing").await?).get("/").await?.expect(503)?;
        ensure!(reply.header("todoapp-error") == "revision-failed", "{:?}", reply.headers);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_serves_no_more_than_its_number_and_nothing_is_lost_when_it_is_replaced() {
    with_namespace(async |space: Space| {
        let recycling = json!({ "requests": 3 });
        let app = App::new("recycled").field("recycleAfter", recycling).drowsy().ready(&space).await?;
        let target = space.target(&app).await?;
        let mut pods: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..10 {
            let who = target.get("/who").await?.expect(200)?.body;
            *pods.entry(who).or_default() += 1;
        }
        println!("{pods:?}");
        ensure!(pods.values().all(|requests| *requests <= 3) && pods.len() >= 4, "{pods:?}");
        Ok(())
    })
    .await;
}
