use api::labels::SIDECAR_CONTAINER;
use api::{ResolvedImage, RevisionStatus};

use super::*;
use crate::revision::tests::{args, revision};

#[test]
fn the_users_own_fields_stay_also_unknown_ones() {
    let woven = weave(
        &revision(json!({
            "metadata": { "labels": { "team": "a" }, "annotations": { "x": "y" } },
            "spec": {
                "containers": [{ "image": "i", "ports": [{ "containerPort": 3002 }], "futureField": { "a": [1] },
                    "lifecycle": { "preStop": { "exec": { "command": ["x"] } } }, "env": [{ "name": "PORT", "value": "1" }] }],
                "terminationGracePeriodSeconds": 7, "automountServiceAccountToken": true, "futurePodField": 3,
            },
        })),
        &args(),
    )
    .expect("a valid template");
    let app = &woven["spec"]["containers"][0];
    assert_eq!(app["name"], "app");
    assert_eq!(app["futureField"], json!({ "a": [1] }));
    assert_eq!(app["lifecycle"]["preStop"], json!({ "exec": { "command": ["x"] } }));
    assert_eq!(app["env"][0], json!({ "name": "PORT", "value": "1" }));
    assert_eq!(woven["spec"]["futurePodField"], 3);
    assert_eq!(woven["spec"]["terminationGracePeriodSeconds"], 7);
    assert_eq!(woven["spec"]["automountServiceAccountToken"], true);
    assert_eq!(woven["metadata"]["labels"]["team"], "a");
    assert_eq!(woven["metadata"]["annotations"]["x"], "y");
}

fn refused(template: Value) -> String {
    weave(&revision(template), &args()).expect_err("refused").to_string()
}

#[test]
fn what_cannot_be_woven_into_is_refused_by_its_name() {
    let with = |field: &str, value: Value| {
        let mut container = json!({ "image": "i" });
        container[field] = value;
        refused(json!({ "spec": { "containers": [container] } }))
    };
    assert_eq!(with("lifecycle", json!("x")), r#"`containers[0].lifecycle` of the template is "x": must be a map"#);
    assert!(with("lifecycle", json!([])).ends_with("is []: must be a map"));
    assert!(with("env", json!({ "A": "b" })).ends_with(r#".env` of the template is {"A":"b"}: must be a list"#));
    let labels = json!({ "metadata": { "labels": ["a"] }, "spec": { "containers": [{ "image": "i" }] } });
    assert_eq!(refused(labels), r#"`metadata.labels` of the template is ["a"]: must be a map"#);
}

#[test]
fn a_name_that_is_given_here_is_not_given_twice() {
    let first = |name: &str| {
        refused(json!({ "spec": {
            "initContainers": [{ "name": name, "image": "f" }], "containers": [{ "image": "i" }],
        } }))
    };
    assert!(first("queue-proxy").ends_with("'queue-proxy' is the sidecar's name"));
    assert!(first("app").ends_with("there is a container 'app' already; one without a name is called 'app'"));
}

#[test]
fn a_field_that_is_null_is_not_there() {
    let template = json!({ "metadata": { "labels": null }, "spec": {
        "containers": [{ "image": "i", "env": null, "lifecycle": { "preStop": null }, "terminationMessagePolicy": null }],
        "terminationGracePeriodSeconds": null, "automountServiceAccountToken": null, "enableServiceLinks": null,
    } });
    let plain = json!({ "spec": { "containers": [{ "image": "i", "lifecycle": {} }] } });
    let woven = |template| weave(&revision(template), &args()).expect("a valid template");
    assert_eq!(woven(template), woven(plain));
}

#[test]
fn images_are_by_digest_once_they_are_known_and_logs_explain_a_failure() {
    let template = json!({ "spec": {
        "initContainers": [{ "name": "first", "image": "f:1", "terminationMessagePolicy": "File" }],
        "containers": [{ "image": "i:1" }],
    } });
    let mut revision = revision(template);
    let image = |container: &str, image: &str| ResolvedImage { container: container.into(), image: image.into() };
    let images = vec![image("first", "f@sha256:1"), image("app", "i@sha256:2")];
    revision.status = Some(RevisionStatus { images, ..RevisionStatus::default() });
    let spec = &weave(&revision, &args()).expect("a valid template")["spec"];
    let (first, app, sidecar) = (&spec["initContainers"][0], &spec["containers"][0], &spec["containers"][1]);
    assert_eq!((&first["image"], &app["image"]), (&json!("f@sha256:1"), &json!("i@sha256:2")));
    assert_eq!(first["terminationMessagePolicy"], "File", "as written");
    assert_eq!(app["terminationMessagePolicy"], "FallbackToLogsOnError");
    assert_eq!((&sidecar["name"], &sidecar["image"]), (&json!(SIDECAR_CONTAINER), &json!("qp:1")));
}
