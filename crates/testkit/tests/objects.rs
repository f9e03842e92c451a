//! Objects through kube's own client: versions, conflicts, subresources, deletes, errors.

mod support;

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::TokenReview;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, ObjectReference, Pod, Secret, Service};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::events::{Event as RecordedEvent, EventType, Recorder, Reporter};
use serde_json::json;
use support::{code, deployment, pod, server};
use testkit::api_server::Verb;

#[tokio::test(start_paused = true)]
async fn a_new_object_gets_what_the_server_gives() {
    let server = server(1);
    tokio::time::sleep(Duration::from_secs(90)).await;
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    let made = api.create(&PostParams::default(), &deployment("d")).await.expect("made");
    assert_eq!(made.metadata.creation_timestamp.expect("set").0.to_string(), "2026-01-01T00:01:30Z");
    assert_eq!((made.metadata.generation, made.metadata.namespace.as_deref()), (Some(1), Some("default")));
    assert_eq!(made.metadata.uid.expect("set").len(), 36);
    assert_eq!(made.spec.replicas, Some(1), "the default");
    let again = api.create(&PostParams::default(), &deployment("d")).await;
    assert_eq!(code(again), (409, "AlreadyExists".to_owned()));
    assert_eq!(code(api.get("e").await), (404, "NotFound".to_owned()));
    assert!(api.get_opt("e").await.expect("an answer").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_update_based_on_something_old_is_a_conflict() {
    let server = server(1);
    let api: Api<Lease> = Api::default_namespaced(server.client("me", "default"));
    let lease = Lease { metadata: ObjectMeta { name: Some("l".into()), ..Default::default() }, spec: None };
    let first = api.create(&PostParams::default(), &lease).await.expect("made");
    let mut changed = first.clone();
    changed.spec.get_or_insert_default().holder_identity = Some("a".into());
    let second = api.replace("l", &PostParams::default(), &changed).await.expect("replaced");
    assert_ne!(first.resource_version(), second.resource_version());
    assert_eq!(code(api.replace("l", &PostParams::default(), &changed).await), (409, "Conflict".to_owned()));
    assert_eq!(code(api.replace("l", &PostParams::default(), &lease).await).0, 422, "a Lease needs its version");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_changes_nothing_makes_no_version() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    let made = api.create(&PostParams::default(), &deployment("d")).await.expect("made");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let patch = Patch::Merge(json!({ "spec": { "replicas": 1 } }));
    let same = api.patch("d", &PatchParams::default(), &patch).await.expect("patched");
    assert_eq!(same.resource_version(), made.resource_version());
}

#[tokio::test(start_paused = true)]
async fn generation_counts_what_is_wanted_alone() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    api.create(&PostParams::default(), &deployment("d")).await.expect("made");
    let params = PatchParams::default();
    let generation = |d: Deployment| d.metadata.generation;
    let labelled = api.patch("d", &params, &Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }))).await;
    assert_eq!(labelled.map(generation).expect("patched"), Some(1));
    let status = json!({ "status": { "readyReplicas": 1 }, "spec": { "replicas": 7 } });
    let told = api.patch_status("d", &params, &Patch::Merge(status)).await.expect("patched");
    assert_eq!(told.spec.replicas, Some(1), "a status write leaves the spec");
    assert_eq!(told.metadata.generation, Some(1));
    let both = json!({ "spec": { "replicas": 2 }, "status": { "readyReplicas": 9 } });
    let scaled = api.patch("d", &params, &Patch::Merge(both)).await.expect("patched");
    assert_eq!(scaled.status.expect("a status").ready_replicas, Some(1), "a main write leaves the status");
    assert_eq!(scaled.metadata.generation, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_scale_patch_changes_the_number_and_owns_it() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    let made = api.create(&PostParams::default(), &deployment("d")).await.expect("made");
    let params = PatchParams { field_manager: Some("autoscaler".into()), ..PatchParams::default() };
    let scale = api.patch_scale("d", &params, &Patch::Merge(json!({ "spec": { "replicas": 4 } }))).await.expect("ok");
    assert_eq!(scale.spec.expect("a spec").replicas, Some(4));
    let after = api.get("d").await.expect("there");
    let (before, after_spec) = (made.spec, after.spec.clone());
    assert_eq!((after_spec.replicas, after_spec.template), (Some(4), before.template));
    let owner = after.managed_fields().iter().find(|e| e.manager.as_deref() == Some("autoscaler")).expect("an owner");
    assert_eq!(owner.subresource.as_deref(), Some("scale"));
    assert_eq!(owner.fields_v1.as_ref().expect("fields").0, json!({ "f:spec": { "f:replicas": {} } }));
    api.patch_scale("d", &params, &Patch::Merge(json!({ "spec": { "replicas": 0 } }))).await.expect("ok");
    assert_eq!(
        api.get_scale("d").await.expect("ok").spec.expect("a spec").replicas,
        None,
        "as the real one: 0 is left out"
    );
    assert_eq!(server.writes(|r| r.verb == Verb::Patch && r.manager.as_deref() == Some("autoscaler")), 2);
}

#[tokio::test(start_paused = true)]
async fn a_json_patch_tests_before_it_changes() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    api.create(&PostParams::default(), &deployment("d")).await.expect("made");
    let patch = |value: i32| -> Patch<()> {
        let steps = json!([{ "op": "test", "path": "/spec/replicas", "value": value },
            { "op": "add", "path": "/metadata/finalizers", "value": ["x/y"] }]);
        Patch::Json(serde_json::from_value(steps).expect("a patch"))
    };
    assert_eq!(code(api.patch("d", &PatchParams::default(), &patch(9)).await).0, 422);
    let held = api.patch("d", &PatchParams::default(), &patch(1)).await.expect("patched");
    assert_eq!(held.finalizers(), ["x/y"]);
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_an_object_until_it_is_taken_off() {
    let server = server(1);
    let api: Api<Service> = Api::default_namespaced(server.client("me", "default"));
    let service: Service = serde_json::from_value(json!({ "metadata": { "name": "s", "finalizers": ["x/y"] },
        "spec": { "ports": [{ "port": 80 }] } }))
    .expect("a Service");
    api.create(&PostParams::default(), &service).await.expect("made");
    api.delete("s", &DeleteParams::default()).await.expect("accepted");
    let held = api.get("s").await.expect("still there");
    assert!(held.metadata.deletion_timestamp.is_some());
    let off = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    api.patch("s", &PatchParams::default(), &off).await.expect("patched");
    assert!(api.get_opt("s").await.expect("an answer").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_delete_with_preconditions_meets_only_that_object() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    let made = api.create(&PostParams::default(), &deployment("d")).await.expect("made");
    let only = |uid: &str| {
        let preconditions = Preconditions { uid: Some(uid.into()), ..Preconditions::default() };
        DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
    };
    assert_eq!(code(api.delete("d", &only("another")).await), (409, "Conflict".to_owned()));
    api.delete("d", &only(&made.uid().expect("set"))).await.expect("deleted");
    assert!(api.get_opt("d").await.expect("an answer").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_pod_on_a_node_ends_with_grace_and_another_at_once() {
    let server = server(1);
    let api: Api<Pod> = Api::default_namespaced(server.client("me", "default"));
    api.create(&PostParams::default(), &pod("waits", None)).await.expect("made");
    api.create(&PostParams::default(), &pod("runs", Some("node-0"))).await.expect("made");
    api.delete("waits", &DeleteParams::default()).await.expect("deleted");
    assert!(api.get_opt("waits").await.expect("an answer").is_none());
    api.delete("runs", &DeleteParams::default()).await.expect("accepted");
    let ending = api.get("runs").await.expect("still there");
    assert_eq!(ending.metadata.deletion_grace_period_seconds, Some(30));
    assert_eq!(ending.metadata.deletion_timestamp.expect("set").0.to_string(), "2026-01-01T00:00:30Z");
    api.delete("runs", &DeleteParams::default().grace_period(0)).await.expect("deleted");
    assert!(api.get_opt("runs").await.expect("an answer").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_list_in_pages_shows_one_moment() {
    let server = server(1);
    let api: Api<Pod> = Api::default_namespaced(server.client("me", "default"));
    for name in ["a", "b", "c", "d", "e"] {
        api.create(&PostParams::default(), &pod(name, None)).await.expect("made");
    }
    let page = |token: Option<String>| ListParams { limit: Some(2), continue_token: token, ..ListParams::default() };
    let first = api.list(&page(None)).await.expect("a page");
    api.delete("d", &DeleteParams::default()).await.expect("deleted");
    api.create(&PostParams::default(), &pod("bb", None)).await.expect("made");
    let second = api.list(&page(first.metadata.continue_.clone())).await.expect("a page");
    let third = api.list(&page(second.metadata.continue_.clone())).await.expect("a page");
    let names: Vec<_> =
        [&first, &second, &third].iter().flat_map(|page| page.iter().map(ResourceExt::name_any)).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!((first.metadata.remaining_item_count, third.metadata.continue_), (Some(3), None));
    assert_eq!(first.metadata.resource_version, third.metadata.resource_version);
    server.compact();
    assert_eq!(code(api.list(&page(first.metadata.continue_)).await), (410, "Expired".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_list_can_be_narrowed() {
    let server = server(1);
    let client = server.client("me", "default");
    let api: Api<Pod> = Api::default_namespaced(client.clone());
    for (name, team) in [("a", "x"), ("b", "y")] {
        let mut pod = pod(name, None);
        pod.labels_mut().insert("team".into(), team.into());
        api.create(&PostParams::default(), &pod).await.expect("made");
    }
    let names = |params: ListParams| {
        let api = Api::<Pod>::all(client.clone());
        async move { api.list(&params).await.expect("a list").iter().map(ResourceExt::name_any).collect::<Vec<_>>() }
    };
    assert_eq!(names(ListParams::default().labels("team in (y, z)")).await, ["b"]);
    assert_eq!(names(ListParams::default().fields("metadata.name=a")).await, ["a"]);
    assert_eq!(names(ListParams::default().fields("metadata.namespace=other")).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn rules_of_the_server_are_kept() {
    let server = server(1);
    let client = server.client("me", "default");
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let mut wrong = deployment("d");
    wrong.spec.selector.match_labels = Some([("other".into(), "x".into())].into());
    assert_eq!(code(deployments.create(&PostParams::default(), &wrong).await), (422, "Invalid".to_owned()));
    let lost: Api<Deployment> = Api::namespaced(client.clone(), "nowhere");
    assert_eq!(code(lost.create(&PostParams::default(), &deployment("d")).await), (404, "NotFound".to_owned()));
    let secrets: Api<Secret> = Api::default_namespaced(client.clone());
    let secret: Secret = serde_json::from_value(json!({ "metadata": { "name": "s" }, "immutable": true,
        "stringData": { "k": "v" } }))
    .expect("a Secret");
    let made = secrets.create(&PostParams::default(), &secret).await.expect("made");
    assert_eq!(made.data.expect("data")["k"].0, b"v");
    let patch = Patch::Merge(json!({ "stringData": { "k": "w" } }));
    assert_eq!(code(secrets.patch("s", &PatchParams::default(), &patch).await).0, 422);
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.delete("default", &DeleteParams::default()).await.expect("accepted");
    assert_eq!(code(deployments.create(&PostParams::default(), &deployment("d")).await), (403, "Forbidden".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_reviewed_for_its_audience() {
    let server = server(1);
    server.issue_token("good", "system:serviceaccount:sys:activator", &["hub"]);
    let api: Api<TokenReview> = Api::all(server.client("me", "default"));
    let review = |token: &str, audience: &str| {
        let spec = json!({ "metadata": {}, "spec": { "token": token, "audiences": [audience] } });
        let (api, review) = (api.clone(), serde_json::from_value(spec).expect("a review"));
        async move { api.create(&PostParams::default(), &review).await.expect("reviewed").status.expect("a status") }
    };
    let good = review("good", "hub").await;
    assert_eq!(good.user.expect("a user").username.as_deref(), Some("system:serviceaccount:sys:activator"));
    assert_eq!((good.authenticated, good.audiences), (Some(true), Some(vec!["hub".to_owned()])));
    assert_ne!(review("good", "elsewhere").await.authenticated, Some(true));
    server.revoke_token("good");
    assert_ne!(review("good", "hub").await.authenticated, Some(true));
}

#[tokio::test(start_paused = true)]
async fn events_are_recorded_and_counted() {
    let server = server(1);
    let client = server.client("me", "default");
    let reporter = Reporter { controller: "c".to_owned(), instance: None };
    let recorder = Recorder::new(client.clone(), reporter);
    let about = ObjectReference { name: Some("d".into()), namespace: Some("default".into()), ..Default::default() };
    let (action, reason) = ("Act".to_owned(), "Why".to_owned());
    let event = RecordedEvent { type_: EventType::Normal, reason, note: None, action, secondary: None };
    for _ in 0..2 {
        recorder.publish(&event, &about).await.expect("recorded");
    }
    let events = Api::<Event>::default_namespaced(client).list(&ListParams::default()).await.expect("a list").items;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].series.as_ref().map(|series| series.count), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_form_of_patch_that_is_not_served_is_refused() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    api.create(&PostParams::default(), &deployment("d")).await.expect("made");
    let strategic = Patch::Strategic(json!({ "spec": { "replicas": 2 } }));
    assert_eq!(code(api.patch("d", &PatchParams::default(), &strategic).await).0, 415);
}
