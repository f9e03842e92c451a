use api::RevisionStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::*;
use crate::app::tests::{app, revision, template};

fn used(spec: serde_json::Value, status: serde_json::Value) -> TodoApp {
    let mut app = app(spec);
    app.status = serde_json::from_value(status).expect("a status");
    app
}

fn plain() -> serde_json::Value {
    json!({ "template": template() })
}

#[test]
fn whatever_may_send_requests_or_fall_back_to_a_version_uses_it() {
    let traffic = |percent: u32, tag: serde_json::Value| json!({ "traffic": [{ "revision": "shop-a", "percent": percent, "tag": tag }] });
    let asked = json!({ "template": template(), "traffic": [{ "revision": "shop-a", "percent": 100 }] });
    let named = json!({ "template": { "metadata": { "name": "shop-a" }, "spec": template()["spec"] } });
    for (spec, status, expected) in [
        (plain(), json!({}), false),
        (plain(), traffic(1, json!(null)), true),
        (plain(), traffic(0, json!("old")), true),
        (plain(), traffic(0, json!(null)), false),
        (plain(), json!({ "latestCreatedRevision": "shop-a" }), true),
        (plain(), json!({ "latestReadyRevision": "shop-a" }), true),
        (plain(), json!({ "rollout": { "stable": "shop-a" } }), true),
        (plain(), json!({ "rollout": { "candidate": "shop-a" } }), true),
        (plain(), json!({ "rollout": { "stable": "shop-b" } }), false),
        (asked, json!({}), true),
        (named, json!({}), true),
    ] {
        assert_eq!(in_use(&used(spec, status.clone()), "shop-a"), expected, "{status}");
    }
}

#[test]
fn the_pinned_the_latest_and_the_routed_are_protected_and_the_leaving_do_not_count() {
    let mut revisions: Vec<_> = (1..=6).map(|n| revision(&format!("shop-{n}"), n, n < 5)).collect();
    for one in &mut revisions {
        one.metadata.creation_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    }
    revisions[0].metadata.annotations = Some([(labels::PINNED.to_owned(), "true".to_owned())].into());
    revisions[1].metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    let targets = [Target { revision: "shop-3".to_owned(), percent: 100, tag: None }];
    let found = versions(&used(plain(), json!({})), &revisions, &targets);
    let told: Vec<_> = found.iter().map(|version| (version.name.as_str(), version.protected)).collect();
    // The fourth was ready last, the sixth is the newest.
    assert_eq!(told, [("shop-1", true), ("shop-3", true), ("shop-4", true), ("shop-5", false), ("shop-6", true)]);
}

#[test]
fn a_status_that_says_otherwise_is_noted_anew_but_not_of_one_that_is_new() {
    let idle = used(plain(), json!({}));
    let busy = used(plain(), json!({ "latestReadyRevision": "shop-1" }));
    let mut one = revision("shop-1", 1, true);
    assert!(!is_noted_wrongly(&idle, &one), "new");
    let condition = json!([{ "type": "Ready", "status": "True", "reason": "Ready", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z" }]);
    let conditions = serde_json::from_value(condition).expect("conditions");
    one.status = Some(RevisionStatus { conditions, ..RevisionStatus::default() });
    assert!(is_noted_wrongly(&idle, &one) && !is_noted_wrongly(&busy, &one));
    one.status.as_mut().expect("set").unrouted_since = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    assert!(!is_noted_wrongly(&idle, &one) && is_noted_wrongly(&busy, &one));
}
