//! An installation as it should be, and what may be wrong with it.

use api::{Revision, TodoApp};
use http::Method;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::super::facts::{Crd, Facts};
use super::super::rights;
use crate::world::{Canned, SYSTEM, app, condition, lease};

pub fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("an object")
}

pub fn deployment(name: &str, replicas: u32, ready: u32, container: Value) -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": SYSTEM },
        "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": { "containers": [container] } } },
        "status": { "readyReplicas": ready } })
}

pub fn operator() -> Value {
    deployment(
        "todoapp-operator",
        1,
        1,
        json!({ "name": "operator", "image": "o", "args": ["--log=info", "--queue-proxy-image=q:2"] }),
    )
}

pub fn slice(address: &str) -> Value {
    json!({ "metadata": { "name": "todoapp-hub" }, "addressType": "IPv4", "endpoints": [{ "addresses": [address] }] })
}

pub fn crd(own: CustomResourceDefinition) -> Crd {
    Crd { installed: Ok(Some(own.clone())), own }
}

/// An installation as it should be.
pub fn sound() -> Facts {
    let mut ready = app("user");
    ready["metadata"]["generation"] = 1.into();
    Facts {
        system: SYSTEM.to_owned(),
        version: Ok((1, 34)),
        crds: vec![crd(TodoApp::crd()), crd(Revision::crd())],
        operator: Ok(Some(read(operator()))),
        activator: Ok(Some(read(deployment("todoapp-activator", 2, 2, json!({ "name": "activator", "image": "a" }))))),
        lease: Ok(Some(read(lease("todoapp-operator-a")))),
        renewed: true,
        leader: Ok(Some(read(json!({ "metadata": {}, "status": { "podIP": "10.0.0.7" } })))),
        hub: Ok(vec![read(slice("10.0.0.7"))]),
        settings: Ok(Some(read(json!({ "metadata": {}, "data": { "defaults": "max: 20", "limits": "" } })))),
        deployments: Ok(vec![read(deployment("user-00001", 0, 0, json!({ "name": "queue-proxy", "image": "q:2" })))]),
        rights: vec![(rights::ALL[0], Ok(true))],
        apps: Ok(vec![read(ready)]),
    }
}

/// The installed kind without a field of the spec.
pub fn without(facts: &mut Facts, field: &str) {
    edit(facts, |properties| drop(properties.remove(field)));
}

pub fn with_more(facts: &mut Facts) {
    edit(facts, |properties| drop(properties.insert("future".to_owned(), json!({ "type": "string" }))));
}

pub fn edit(facts: &mut Facts, edit: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let mut crd = serde_json::to_value(TodoApp::crd()).expect("JSON");
    let spec = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    edit(spec.as_object_mut().expect("properties"));
    facts.crds[0].installed = Ok(Some(read(crd)));
}

pub fn ill(facts: &mut Facts, kind: &str, status: &str) {
    let mut ill = app("user");
    ill["metadata"]["generation"] = 1.into();
    ill["status"]["conditions"] = json!([condition(kind, status, "ImagePullBackOff", "no image")]);
    facts.apps = Ok(vec![read(ill)]);
}

pub fn canned() -> Vec<Canned> {
    let answer = |method, path, body: Value| Canned { method, path, status: 200, body: body.to_string() };
    let crd = |crd: CustomResourceDefinition| json!(crd);
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
        "spec": {}, "status": { "allowed": true } });
    let version = json!({ "major": "1", "minor": "34+", "gitVersion": "", "gitCommit": "", "gitTreeState": "",
        "buildDate": "", "goVersion": "", "compiler": "", "platform": "" });
    vec![
        answer(Method::GET, "/version", version),
        answer(
            Method::GET,
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/todoapps.todoapp.dev",
            crd(TodoApp::crd()),
        ),
        answer(
            Method::GET,
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/revisions.todoapp.dev",
            crd(Revision::crd()),
        ),
        answer(Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review),
    ]
}
