//! Objects that cannot be: refused with the field and what would be right, or named by a condition; nothing else moves.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::app::wait_condition;
use e2e::{App, Space, with_namespace};
use http::Request;
use http::request::Builder;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::ListParams;
use serde::Deserialize;
use serde_json::{Value, json};

/// One entry of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// What is put into an app that is right: JSON pointer and value.
    #[serde(default)]
    set: BTreeMap<String, Value>,
    /// What a Revision is changed by: a merge patch.
    change: Option<Value>,
    /// The API server's words.
    refused: String,
}

const TABLE: &str = include_str!("objects.yaml");
/// What the API server adds where a schema is broken.
const UNCHECKED: &str = ", <nil>: Invalid value: null: some validation rules were not checked because the object was \
                         invalid; correct the existing errors to complete validation]";

#[tokio::test(flavor = "multi_thread")]
async fn impossible_objects_are_refused_in_words_that_name_the_field_and_what_is_right() {
    with_namespace(async |space: Space| {
        let good = App::new("good").asleep(&space).await?;
        let revision = good.status.and_then(|s| s.latest_created_revision).context("a revision")?;
        let before = objects(&space).await?;
        let cases: Vec<Case> = serde_saphyr::from_str(TABLE)?;
        let (mut wrong, total) = (Vec::new(), cases.len());
        for Case { name, set, change, refused } in cases {
            let answer = match change {
                Some(change) => patch(&space, &revision, &change).await,
                None => create(&space, &object(&set)).await,
            };
            let told = match &answer {
                Ok(()) => "accepted",
                Err(message) => essence(message),
            };
            if told != refused {
                wrong.push(format!("{name}:\n  expected {refused}\n  got      {told}"));
            }
        }
        ensure!(wrong.is_empty(), "{} of {total}:\n{}", wrong.len(), wrong.join("\n"));
        let after = objects(&space).await?;
        ensure!(before == after, "before {before:?}, after {after:?}");
        println!("{total} objects refused");
        Ok(())
    })
    .await;
}

/// An app that is right but for this.
fn object(set: &BTreeMap<String, Value>) -> Value {
    let mut object = App::new("bad").to_value();
    object["spec"]["rollout"] = json!({});
    for (pointer, value) in set {
        put(&mut object, pointer, value.clone());
    }
    object
}

/// The refusal without what it is about, and without the remark that rules were left out.
fn essence(message: &str) -> &str {
    let about = ["\" is invalid: ", " cannot be handled as a TodoApp: "];
    let told = about.iter().find_map(|end| message.split_once(end)).map_or(message, |(_, told)| told);
    told.strip_prefix('[').and_then(|told| told.strip_suffix(UNCHECKED)).unwrap_or(told)
}

/// Sets what the pointer leads to; a null removes it.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = object.pointer_mut(parent).and_then(Value::as_object_mut).expect("the pointer's parent");
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
}

/// Creates an app as kubectl does, which has unknown fields refused; the refusal as text.
async fn create(space: &Space, object: &Value) -> Result<(), String> {
    let path = format!("/apis/todoapp.dev/v1alpha1/namespaces/{}/todoapps?fieldValidation=Strict", space.name);
    send(space, Request::post(path).header("content-type", "application/json"), object).await
}

/// Changes a Revision in the same way.
async fn patch(space: &Space, name: &str, change: &Value) -> Result<(), String> {
    let path = format!("/apis/todoapp.dev/v1alpha1/namespaces/{}/revisions/{name}?fieldValidation=Strict", space.name);
    send(space, Request::patch(path).header("content-type", "application/merge-patch+json"), change).await
}

async fn send(space: &Space, request: Builder, body: &Value) -> Result<(), String> {
    let request = request.body(body.to_string().into_bytes()).map_err(|e| e.to_string())?;
    match space.client().request::<Value>(request).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => Err(error.to_string()),
    }
}

/// Names and resource versions of everything that the system owns here.
async fn objects(space: &Space) -> Result<Vec<String>> {
    let all = ListParams::default();
    let mut found = Vec::new();
    for revision in space.api::<api::Revision>().list(&all).await? {
        found.push(format!("Revision {} {:?}", revision.name_any(), revision.resource_version()));
    }
    for deployment in space.api::<Deployment>().list(&all).await? {
        found.push(format!("Deployment {} {:?}", deployment.name_any(), deployment.resource_version()));
    }
    for service in space.api::<Service>().list(&all).await? {
        found.push(format!("Service {} {:?}", service.name_any(), service.resource_version()));
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_operator_can_know_is_named_by_a_condition() {
    const LIMIT: Duration = Duration::from_secs(15);
    with_namespace(async |space: Space| {
        App::new("good").asleep(&space).await?;
        let all_to = |revision: &str| json!([{ "revision": revision, "percent": 100 }]);
        let volume = json!([{ "name": "nothing", "mountPath": "/data" }]);
        let quantity = json!({ "requests": { "memory": "plenty" } });
        let nowhere = json!([{ "start": "08:00", "end": "18:00", "timeZone": "Europe/Berln", "min": 1 }]);
        let cases = [
            (
                App::new("nowhere").scaling(&json!({ "schedules": nowhere })),
                ["schedules[0].timeZone is 'Europe/Berln'", "the name of a time zone"],
            ),
            (App::new("unknown").field("traffic", all_to("unknown-v9")), ["unknown-v9", "traffic"]),
            (App::new("foreign").field("traffic", all_to("good-00001")), ["good-00001", "traffic"]),
            (App::new("mounts").container("volumeMounts", volume), ["volumeMounts[0].name", "nothing"]),
            (App::new("hungry").container("resources", quantity), ["hungry-00001", "quantities must match"]),
        ];
        let before = objects_of(&space, "good").await?;
        for (app, parts) in cases {
            let name = app.apply(&space).await?.name_any();
            let (reason, message) = wait_condition(&space, &name, "Ready", "False", LIMIT).await?;
            println!("{name}: {reason}: {message}");
            ensure!(
                parts.iter().all(|part| message.contains(part)),
                "{name}: expected {parts:?} in {reason}: {message}"
            );
        }
        let after = objects_of(&space, "good").await?;
        ensure!(before == after, "before {before:?}, after {after:?}");
        Ok(())
    })
    .await;
}

async fn objects_of(space: &Space, app: &str) -> Result<Vec<String>> {
    Ok(objects(space).await?.into_iter().filter(|o| o.contains(app)).collect())
}
