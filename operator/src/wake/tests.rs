use std::time::Duration;

use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::Deployment;
use prometheus::Registry;
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::autoscaler::{Autoscaler, Metrics};
use crate::clock::Clock;
use crate::cluster::Stores;
use crate::decisions::tests::{Nothing, keep};
use crate::footprint::objects::Objects;
use crate::outcomes::Outcomes;
use crate::roster::Roster;

/// Leads a cluster of one sleeping app whose traffic goes where `traffic` says.
fn leading(traffic: &Value) -> Leading {
    let metrics = Metrics::register(&Registry::new()).expect("unique names");
    let autoscaler = Autoscaler::new(Arc::new(Nothing), Arc::new(Nothing), metrics, Clock::system());
    let (stores, Objects { mut app, revision, deployment, .. }) = (Stores::new(), Objects::of(0, 0));
    app["status"]["traffic"] = traffic.clone();
    keep::<api::TodoApp, _>(&stores.apps, &app);
    keep::<api::Revision, _>(&stores.revisions, &revision);
    keep::<Deployment, _>(&stores.deployments, &deployment);
    Roster::new(stores.clone(), autoscaler.clone(), Outcomes::default(), watch::channel(Arc::default()).1).fill();
    Leading { autoscaler, stores }
}

async fn ask(leading: Option<&Leading>, method: Method, query: &str) -> (u16, String) {
    let answer = answer(leading, &method, query);
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("whole").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test(start_paused = true)]
async fn what_requests_go_to_is_woken_as_by_one_of_them() {
    let leading = leading(&json!([{ "revision": "asleep-0-00001", "percent": 100 }]));
    let (status, text) = ask(Some(&leading), Method::POST, "namespace=default&app=asleep-0").await;
    assert_eq!(status, 200, "{text}");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(told["revisions"], json!([{ "name": "asleep-0-00001", "desired": 1 }]));
    let uid = Objects::of(0, 0).revision_uid;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let decisions = leading.autoscaler.decisions(&uid);
    assert_eq!((decisions.len(), &decisions[0]["reason"]), (1, &json!("demand")));
}

#[tokio::test(start_paused = true)]
async fn a_revision_without_traffic_is_woken_by_its_name_alone() {
    let leading = leading(&json!([{ "revision": "asleep-0-00001", "percent": 0, "tag": "old" }]));
    let (status, text) = ask(Some(&leading), Method::POST, "namespace=default&app=asleep-0").await;
    assert!(status == 409 && text.contains("TodoApp `asleep-0` has nothing to wake yet"), "{status} {text}");
    let named = "namespace=default&app=asleep-0&revision=asleep-0-00001";
    let (status, text) = ask(Some(&leading), Method::POST, named).await;
    assert!(status == 200 && text.contains("\"desired\": 1"), "{status} {text}");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_said() {
    let leading = leading(&json!([]));
    let app = "namespace=default&app=asleep-0";
    for (leads, method, query, status, said) in [
        (true, Method::GET, app, 405, "/wake must be called with POST, not GET"),
        (true, Method::POST, "app=asleep-0", 400, "`namespace` is missing: /wake?app=NAME&namespace=NAMESPACE"),
        (true, Method::POST, "namespace=default&app=other", 404, "there is no TodoApp `other` in namespace `default`"),
        (true, Method::POST, "namespace=default&app=asleep-0&revision=x", 404, "has no revision `x`"),
        (false, Method::POST, app, 503, "does not lead"),
    ] {
        let (got, text) = ask(leads.then_some(&leading), method, query).await;
        assert!(got == status && text.contains(said), "{query}: {got} {text}");
    }
}
