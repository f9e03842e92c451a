use std::time::Duration;

use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::watcher::Event;
use prometheus::Registry;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::autoscaler::{Candidate, Mark, Metrics, RevisionEntry, ScaleWriter};
use crate::clock::Clock;
use crate::footprint::objects::Objects;
use crate::hub::Verifier;
use crate::outcomes::Outcomes;
use crate::roster::Roster;
use crate::store::{Store, Watched};

/// A cluster that takes every scale and knows nobody.
pub struct Nothing;

impl ScaleWriter for Nothing {
    fn pods(&self, _: &str) -> Vec<Candidate> {
        Vec::new()
    }

    fn mark<'a>(&'a self, _: &'a str, _: &'a Mark) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn delete<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn scale<'a>(&'a self, _: &'a str, _: &'a str, _: u32) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Verifier for Nothing {
    fn revision_key(&self, _: &str) -> Option<[u8; 32]> {
        None
    }

    fn confirms(&self, _: &str, _: std::net::SocketAddr) -> bool {
        false
    }

    fn activator<'a>(&'a self, _: &'a str) -> BoxFuture<'a, anyhow::Result<bool>> {
        Box::pin(std::future::ready(Ok(false)))
    }
}

pub fn keep<R: kube::Resource<DynamicType = ()> + std::fmt::Debug, K: DeserializeOwned>(
    store: &Store<K>,
    object: &Value,
) {
    let object: Watched<R> = serde_json::from_value(object.clone()).expect("an object");
    store.take(Event::Apply(object));
}

/// Leads a cluster of two apps; the revision of the first has been looked at once.
async fn leading() -> Leading {
    let metrics = Metrics::register(&Registry::new()).expect("unique names");
    let autoscaler = Autoscaler::new(Arc::new(Nothing), Arc::new(Nothing), metrics, Clock::system());
    let stores = Stores::new();
    for n in [0, 1] {
        let Objects { app, revision, revision_uid: uid, revision_name: name, .. } = Objects::of(n, 1);
        keep::<api::TodoApp, _>(&stores.apps, &app);
        keep::<Revision, _>(&stores.revisions, &revision);
        let (namespace, spec) = ("default".to_owned(), scaling::Spec::default());
        autoscaler.upsert(RevisionEntry {
            uid,
            namespace,
            name,
            spec,
            schedules: policy::Schedules::default(),
            routed: true,
            initial: false,
        });
    }
    autoscaler.set_replicas(&Objects::of(0, 1).revision_uid, 2, 2);
    let looked = tokio::time::timeout(Duration::from_secs(1), autoscaler.run(CancellationToken::new())).await;
    assert!(looked.is_err(), "it goes on");
    Leading { autoscaler, stores }
}

async fn ask(leading: Option<&Leading>, query: &str) -> (u16, String) {
    let answer = answer(leading, query);
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("whole").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_or_unknown_is_said() {
    let leading = leading().await;
    for (query, status, said) in [
        ("", 400, "`namespace` is missing: /debug/decisions?app=NAME&namespace=NAMESPACE"),
        ("namespace=default", 400, "`app` is missing"),
        ("namespace=default&app=", 400, "`app` is missing"),
        ("namespace=default&app=other", 404, "there is no TodoApp `other` in namespace `default`"),
        ("namespace=other&app=asleep-0", 404, "there is no TodoApp `asleep-0` in namespace `other`"),
        ("namespace=default&app=asleep-0&revision=asleep-1-00001", 404, "has no revision `asleep-1-00001`"),
    ] {
        let (got, text) = ask(Some(&leading), query).await;
        assert!(got == status && text.contains(said), "{query}: {got} {text}");
    }
    let (status, text) = ask(None, "namespace=default&app=asleep-0").await;
    assert!(status == 503 && text.contains("does not lead"), "{status} {text}");
}

#[tokio::test(start_paused = true)]
async fn each_decision_of_the_apps_own_revisions_has_a_time_a_sentence_and_all_numbers() {
    let leading = leading().await;
    for query in ["namespace=default&app=asleep-0", "app=asleep-0&namespace=default&revision=asleep-0-00001"] {
        let (status, text) = ask(Some(&leading), query).await;
        assert_eq!(status, 200, "{text}");
        let told: Value = serde_json::from_str(&text).expect("JSON");
        let revisions = told["revisions"].as_array().expect("revisions");
        assert_eq!(revisions.len(), 1, "{text}");
        assert_eq!(revisions[0]["name"], "asleep-0-00001");
        let decision = &revisions[0]["decisions"][0];
        assert_eq!((&decision["times"], &decision["reason"]), (&json!(1), &json!("unreported")));
        let time: jiff::Timestamp = decision["time"].as_str().expect("a time").parse().expect("RFC 3339");
        assert!(jiff::Timestamp::now().duration_since(time).abs() < jiff::SignedDuration::from_secs(60), "{time}");
        let record = &decision["record"];
        assert_eq!((&record["readyPods"], &record["desired"], &record["max"]), (&json!(2), &json!(2), &json!(10)));
        assert_eq!(record.as_object().map(serde_json::Map::len), Some(30));
        let sentence = decision["text"].as_str().expect("a sentence");
        assert!(sentence.contains("0 of 2 ready pods report") && sentence.ends_with("→ 2"), "{sentence}");
    }
    let (_, other) = ask(Some(&leading), "namespace=default&app=asleep-1").await;
    let other: Value = serde_json::from_str(&other).expect("JSON");
    assert_eq!(other["revisions"][0]["decisions"], json!([]), "nothing is decided without a Deployment");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_of_the_app_holds_by_the_clock_and_is_told() {
    let clock = Clock::new(|| "2026-05-04T06:59:50Z".parse().expect("a moment"));
    let metrics = Metrics::register(&Registry::new()).expect("unique names");
    let autoscaler = Autoscaler::new(Arc::new(Nothing), Arc::new(Nothing), metrics, clock);
    let (stores, Objects { mut app, revision, deployment, .. }) = (Stores::new(), Objects::of(0, 0));
    let schedule = json!({ "start": "09:00", "end": "18:00", "timeZone": "Europe/Berlin", "min": 3 });
    app["spec"]["scaling"]["schedules"] = json!([schedule]);
    keep::<api::TodoApp, _>(&stores.apps, &app);
    keep::<Revision, _>(&stores.revisions, &revision);
    keep::<Deployment, _>(&stores.deployments, &deployment);
    Roster::new(stores.clone(), autoscaler.clone(), Outcomes::default(), watch::channel(Arc::default()).1).fill();
    let looked = tokio::time::timeout(Duration::from_secs(1), autoscaler.run(CancellationToken::new())).await;
    assert!(looked.is_err(), "it goes on");
    let (_, text) = ask(Some(&Leading { autoscaler, stores }), "namespace=default&app=asleep-0").await;
    let told: Value = serde_json::from_str(&text).expect("JSON");
    let decision = &told["revisions"][0]["decisions"][0];
    assert_eq!(decision["reason"], "schedule", "{text}");
    let sentence = decision["text"].as_str().expect("a sentence");
    assert!(sentence.ends_with("schedule min 3, max 5 → 3 (schedule 09:00–18:00 Europe/Berlin)"), "{sentence}");
}
