//! What goes wrong, as a client meets it; and that a seed gives the same run again.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use support::{code, deployment, server};
use testkit::Delay;
use testkit::api_server::Verb;
use testkit::api_server::faults::{Effect, Fault};
use tokio::time::{Instant, sleep};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn each_refusal_has_its_status() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    let refused_with = |effect: Effect| {
        server.clear_faults();
        server.add_fault(Fault::new(effect));
        let api = api.clone();
        async move { code(api.list(&ListParams::default()).await) }
    };
    assert_eq!(refused_with(Effect::InternalError).await, (500, "InternalError".to_owned()));
    assert_eq!(refused_with(Effect::TooManyRequests(seconds(1))).await, (429, "TooManyRequests".to_owned()));
    let begun = Instant::now();
    assert_eq!(refused_with(Effect::Timeout(seconds(60))).await, (504, "Timeout".to_owned()));
    assert_eq!(begun.elapsed(), seconds(60));
    server.clear_faults();
    server.add_fault(Fault::new(Effect::TooManyRequests(seconds(7))));
    let refused = api.list(&ListParams::default()).await;
    assert!(
        matches!(refused, Err(kube::Error::Api(s)) if s.details.as_ref().is_some_and(|d| d.retry_after_seconds == 7))
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_a_write_that_was_done() {
    let server = server(1);
    server.add_fault(Fault::new(Effect::LoseAnswer).verbs(&[Verb::Create]));
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    let answer = api.create(&PostParams::default(), &deployment("d")).await;
    assert!(matches!(answer, Err(kube::Error::Service(_))), "{answer:?}");
    assert!(api.get_opt("d").await.expect("an answer").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_does_nothing() {
    let server = server(1);
    server.add_fault(Fault::new(Effect::Away).during(seconds(10), seconds(20)));
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    sleep(seconds(15)).await;
    assert!(matches!(api.create(&PostParams::default(), &deployment("d")).await, Err(kube::Error::Service(_))));
    sleep(seconds(5)).await;
    assert!(api.get_opt("d").await.expect("an answer").is_none());
}

#[tokio::test(start_paused = true)]
async fn slowness_is_before_and_after_what_is_done() {
    let server = server(1);
    server.add_fault(Fault::new(Effect::Slow(Delay::ms(100))));
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    let begun = Instant::now();
    api.create(&PostParams::default(), &deployment("d")).await.expect("made");
    assert_eq!(begun.elapsed().as_millis(), 100);
    assert_eq!(server.log()[0].at.as_millis(), 50);
}

/// Clients that write and read at once, under faults; the log of it.
async fn busy(seed: u64) -> String {
    let server = server(seed);
    server.add_fault(Fault::new(Effect::Slow(Delay::Tail { median: Duration::from_millis(5), p99: seconds(1) })));
    server.add_fault(Fault::new(Effect::InternalError).chance(0.1));
    server.add_fault(Fault::new(Effect::LoseAnswer).chance(0.1));
    let work = |number: u32| {
        let api: Api<Deployment> = Api::default_namespaced(server.client(&format!("c{number}"), "default"));
        async move {
            for turn in 0..20 {
                let name = format!("d{}", (number + turn) % 5);
                // What comes of it is in the log.
                let _ = api.create(&PostParams::default(), &deployment(&name)).await;
                let patch = Patch::Merge(json!({ "spec": { "replicas": turn } }));
                let _ = api.patch_scale(&name, &PatchParams::default(), &patch).await;
                let _ = api.list(&ListParams::default()).await;
            }
        }
    };
    join_all((0..8).map(work)).await;
    let objects: Vec<_> = server.local("test").all().iter().map(ToString::to_string).collect();
    let log: Vec<_> = server.log().iter().map(ToString::to_string).collect();
    format!("{}\n{}", log.join("\n"), objects.join("\n"))
}

#[test]
fn a_seed_gives_the_same_log_byte_for_byte() {
    let run = |seed| testkit::run(busy(seed));
    let (first, again, other) = (run(7), run(7), run(8));
    assert!(first.lines().count() > 400);
    let differing = first.lines().zip(again.lines()).enumerate().find(|(_, (a, b))| a != b);
    assert_eq!(differing, None, "the first line that differs");
    assert_eq!(first.len(), again.len());
    assert_ne!(first, other);
}
