//! Server-side apply through kube's own client.

mod support;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{CustomResourceExt, ResourceExt};
use serde_json::{Value, json};
use support::{code, deployment, server};

fn applied(manager: &str) -> PatchParams {
    PatchParams::apply(manager)
}

fn labels(labels: Value) -> Patch<Value> {
    Patch::Apply(json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "labels": labels } }))
}

#[tokio::test(start_paused = true)]
async fn an_apply_creates_what_is_not_there_and_writes_nothing_the_second_time() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    let made = api.patch("d", &applied("one"), &Patch::Apply(deployment("d"))).await.expect("made");
    let fields = made.managed_fields()[0].fields_v1.clone().expect("fields").0;
    assert!(
        fields.pointer("/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"app\"}/f:image").is_some(),
        "{fields}"
    );
    assert!(fields.pointer("/f:spec/f:replicas").is_none(), "a default belongs to nobody: {fields}");
    let again = api.patch("d", &applied("one"), &Patch::Apply(deployment("d"))).await.expect("applied");
    assert_eq!(again.resource_version(), made.resource_version());
    let nobody = PatchParams::default();
    assert_eq!(code(api.patch("d", &nobody, &Patch::Apply(deployment("d"))).await).0, 400);
}

#[tokio::test(start_paused = true)]
async fn fields_that_are_applied_no_more_are_removed_and_ownership_can_be_taken() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    api.patch("d", &applied("base"), &Patch::Apply(deployment("d"))).await.expect("made");
    api.patch("d", &applied("one"), &labels(json!({ "a": "1", "b": "1" }))).await.expect("applied");
    let refused = api.patch("d", &applied("two"), &labels(json!({ "a": "2" }))).await;
    let Err(kube::Error::Api(status)) = &refused else { panic!("not refused: {refused:?}") };
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(status.message, "Apply failed with 1 conflict: conflict with \"one\": .metadata.labels.a");
    let taken = api.patch("d", &applied("two").force(), &labels(json!({ "a": "2" }))).await.expect("forced");
    assert_eq!(taken.labels()["a"], "2");
    let less = api.patch("d", &applied("one"), &labels(json!({}))).await.expect("applied");
    assert_eq!(less.labels().iter().collect::<Vec<_>>(), [(&"a".to_owned(), &"2".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn the_autoscalers_number_survives_an_apply_without_it() {
    let server = server(1);
    let api: Api<Deployment> = Api::default_namespaced(server.client("me", "default"));
    api.patch("d", &applied("operator"), &Patch::Apply(deployment("d"))).await.expect("made");
    let params = PatchParams { field_manager: Some("autoscaler".into()), ..PatchParams::default() };
    api.patch_scale("d", &params, &Patch::Merge(json!({ "spec": { "replicas": 5 } }))).await.expect("scaled");
    let mut other = deployment("d");
    other.spec.paused = Some(true);
    let after = api.patch("d", &applied("operator").force(), &Patch::Apply(other)).await.expect("applied");
    let spec = after.spec;
    assert_eq!((spec.replicas, spec.paused), (Some(5), Some(true)));
}

#[tokio::test(start_paused = true)]
async fn a_port_whose_number_a_stranger_changed_is_invalid_beside_ours() {
    let server = server(1);
    let api: Api<Service> = Api::default_namespaced(server.client("me", "default"));
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" },
        "spec": { "ports": [{ "name": "http", "port": 80, "protocol": "TCP" }] } });
    api.patch("s", &applied("one"), &Patch::Apply(&service)).await.expect("made");
    let change = json!({ "spec": { "ports": [{ "name": "http", "port": 81, "protocol": "TCP" }] } });
    api.patch("s", &PatchParams::default(), &Patch::Merge(change)).await.expect("changed");
    assert_eq!(code(api.patch("s", &applied("one").force(), &Patch::Apply(&service)).await).0, 422);
}

#[tokio::test(start_paused = true)]
async fn entries_with_one_key_cannot_be_applied() {
    let server = server(1);
    let api: Api<Service> = Api::default_namespaced(server.client("me", "default"));
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" },
        "spec": { "ports": [{ "name": "a", "port": 80 }, { "name": "b", "port": 80, "protocol": "TCP" }] } });
    assert_eq!(code(api.patch("s", &applied("one"), &Patch::Apply(&service)).await).0, 500);
}

#[tokio::test(start_paused = true)]
async fn custom_resources_have_a_status_of_their_own_and_conditions_by_type() {
    let server = server(1);
    server.install(&api::TodoApp::crd());
    let client = server.client("me", "default");
    let api: Api<DynamicObject> = Api::default_namespaced_with(client, &ApiResource::erase::<api::TodoApp>(&()));
    let app = json!({ "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp", "metadata": { "name": "shop" },
        "spec": { "template": { "spec": { "containers": [{ "image": "i", "new": [1] }] } } } });
    let made = api.patch("shop", &applied("user"), &Patch::Apply(&app)).await.expect("made");
    assert_eq!(made.data["spec"]["template"], app["spec"]["template"], "the template is kept as it is");
    let condition = |kind: &str, status: &str| json!({ "type": kind, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
    let told = |conditions: Vec<Value>| {
        let status = json!({ "observedGeneration": 1, "conditions": conditions });
        json!({ "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp", "status": status, "spec": { "scaling": { "max": 3 } } })
    };
    let first = told(vec![condition("Ready", "False"), condition("Routed", "True")]);
    let params = applied("operator").force();
    let one = api.patch_status("shop", &params, &Patch::Apply(&first)).await.expect("applied");
    assert!(one.data["spec"]["scaling"]["max"] != 3, "a status apply leaves the spec");
    let other = json!({ "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp", "status": { "conditions": [condition("Mesh", "True")] } });
    api.patch_status("shop", &applied("mesh"), &Patch::Apply(&other)).await.expect("applied");
    let second = told(vec![condition("Ready", "True")]);
    let two = api.patch_status("shop", &params, &Patch::Apply(&second)).await.expect("applied");
    let conditions = two.data["status"]["conditions"].as_array().expect("conditions");
    let mut seen: Vec<_> =
        conditions.iter().map(|c| format!("{}={}", c["type"], c["status"]).replace('"', "")).collect();
    seen.sort();
    assert_eq!(seen, ["Mesh=True", "Ready=True"]);
    assert_eq!(two.metadata.generation, Some(1));
}
