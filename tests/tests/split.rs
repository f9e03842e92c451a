//! Traffic is split between revisions exactly, not by chance.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use api::TodoApp;
use e2e::cluster::{Component, pod_address};
use e2e::http::Target;
use e2e::{App, Cluster, Space, wait_for, with_namespace};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_50_50_are_500_each() {
    with_namespace(async |space: Space| {
        let app = two_versions(&space, "even", 50, &Value::Null).await?;
        let target = space.target(&app).await?;
        let first = count_of_v1(&target, 1000, 16).await?;
        println!("v1 {first}, v2 {}", 1000 - first);
        // Two activators, each exact within one.
        ensure!((498..=502).contains(&first), "{first} of 1000 went to v1");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_activator_splits_ten_requests_into_five_and_five_and_a_hundred_into_90_and_10() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let activators = space.cluster.pods(Component::Activator).await?;
        let Some(activator) = activators.first() else { bail!("no activator") };
        let address = pod_address(activator, 8080)?;
        for (name, percent, requests) in [("smooth", 50, 10), ("smooth", 50, 10), ("uneven", 90, 100)] {
            let app = two_versions(&space, name, percent, &Value::Null).await?;
            let target = Target { address, ..space.target(&app).await? };
            let first = count_of_v1(&target, requests, 1).await?;
            ensure!(first == requests * percent / 100, "{first} of {requests} at {percent} % went to v1");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_reaches_its_revision_alone() {
    with_namespace(async |space: Space| {
        let app = two_versions(&space, "tagged", 100, &json!("next")).await?;
        let routed = app.status.unwrap_or_default().traffic;
        let tagged = routed.iter().find(|t| t.tag.as_deref() == Some("next"));
        let Some(url) = tagged.and_then(|t| t.url.as_deref()) else { bail!("no URL of tag next in {routed:?}") };
        let host = url.trim_start_matches("http://").split([':', '/']).next().unwrap_or_default();
        ensure!(host.starts_with(&format!("next-tagged.{}.", space.name)), "{url}");
        let target = Target::named(space.cluster.gateway().await?, host);
        let first = count_of_v1(&target, 20, 4).await?;
        ensure!(first == 0, "{first} of 20 requests to the tag of v2 went to v1");
        if Cluster::is_direct() {
            let service = Target::at(space.address("next-tagged").await?);
            // kube-proxy takes a moment to know a new Service.
            let reply = wait_for("the tag's Service", Duration::from_secs(5), || async {
                service.get("/who").await?.expect(200)
            });
            ensure!(reply.await?.body.contains("v2"));
        }
        Ok(())
    })
    .await;
}

/// An app with revisions NAME-v1, which gets `percent`, and NAME-v2, which gets the rest and the tag; routed so.
async fn two_versions(space: &Space, name: &str, percent: usize, tag: &Value) -> Result<TodoApp> {
    let version = |v: &str| App::new(name).drowsy().revision(&format!("{name}-{v}")).env("VERSION", v);
    version("v1").ready(space).await?;
    let mut second = json!({ "revision": format!("{name}-v2"), "percent": 100 - percent });
    if !tag.is_null() {
        second["tag"] = tag.clone();
    }
    let split = json!([{ "revision": format!("{name}-v1"), "percent": percent }, second]);
    let app = version("v2").field("traffic", split).ready(space).await?;
    wait_for("both versions answer", Duration::from_secs(20), || async {
        let target = space.target(&app).await?;
        let hosts = if tag.is_null() { 2 } else { 1 };
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..4 * hosts {
            seen.insert(
                target.get("/who").await?.expect(200)?.body.trim().rsplit(' ').next().unwrap_or_default().to_owned(),
            );
        }
        ensure!(seen.len() == hosts, "answers from {seen:?}");
        Ok(())
    })
    .await?;
    e2e::app::get(space, name).await
}

/// Of so many requests, `width` at a time on connections of their own, how many v1 answered.
async fn count_of_v1(target: &Target, requests: usize, width: usize) -> Result<usize> {
    let replies = stream::iter(0..requests).map(|_| target.get("/who")).buffer_unordered(width);
    let replies: Vec<_> = replies.and_then(async |reply| reply.expect(200)).try_collect().await?;
    Ok(replies.iter().filter(|reply| reply.body.trim().ends_with("v1")).count())
}
