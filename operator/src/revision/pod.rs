//! The pod of a revision: the user's template as written, with the queue-proxy woven in.
//!
//! What makes a start slow stays out: no volume is added, no service-account token is mounted unless asked for, no
//! environment of other Services (a kubelet waits for volumes in steps of 300 ms).

mod clashes;

use std::time::Duration;

use api::labels::{APP, REVISION, REVISION_UID, SIDECAR_ADMIN_PORT, SIDECAR_CONTAINER, SIDECAR_PORT};
use api::{Initializer, Revision, Template};
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use super::{key, probe};
use crate::args::Args;
use crate::error::Error;

/// Name given to an only container that has none.
const APP_CONTAINER: &str = "app";
/// Between the longest request and the kill: time to hand the last answer over.
const KILL_MARGIN_SECONDS: u64 = 5;
/// A pod that has served its time goes on for so long after SIGTERM, until another one is there.
const LINGER_SECONDS: u64 = 30;

/// The pod template of the Deployment.
pub fn weave(revision: &Revision, args: &Args) -> Result<Value, Error> {
    let template = &revision.spec.template;
    let mut spec = template.spec().ok_or_else(|| missing("spec.template.spec"))?;
    spec.retain(|_, value| !value.is_null());
    spec.values_mut().for_each(without_nulls);
    let containers = spec.get_mut("containers").and_then(Value::as_array_mut).ok_or_else(|| missing("containers"))?;
    let app = containers
        .get_mut(template.app_index())
        .and_then(Value::as_object_mut)
        .ok_or_else(|| missing("containers[0]"))?;
    let readiness = prepare_app(app, revision)?;
    containers.push(sidecar(revision, args, &readiness));
    clashes::none(&spec)?;
    for list in ["initContainers", "containers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        containers.filter_map(Value::as_object_mut).for_each(|container| complete(container, revision));
    }

    let grace = revision.spec.timeouts.request().as_secs() + linger(revision).unwrap_or(0) + KILL_MARGIN_SECONDS;
    spec.entry("automountServiceAccountToken").or_insert(json!(false));
    spec.entry("enableServiceLinks").or_insert(json!(false));
    spec.entry("terminationGracePeriodSeconds").or_insert(json!(grace));
    Ok(json!({ "metadata": metadata(revision, template)?, "spec": spec }))
}

/// To Kubernetes a field that is null is one that is not there: `env:` with nothing behind it.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Gives a container its image by digest, and the last lines of its log to the kubelet when it fails.
fn complete(container: &mut Map<String, Value>, revision: &Revision) {
    let images = revision.status.iter().flat_map(|status| &status.images);
    let resolved = images.into_iter().find(|image| container.get("name").is_some_and(|name| *name == image.container));
    if let Some(resolved) = resolved {
        container.insert("image".to_owned(), resolved.image.clone().into());
    }
    container.entry("terminationMessagePolicy").or_insert(json!("FallbackToLogsOnError"));
}

/// Name of a container of the template; an only one may have none.
pub fn container_name(container: &Value) -> &str {
    container["name"].as_str().unwrap_or(APP_CONTAINER)
}

fn missing(field: &str) -> Error {
    Error::Invalid(format!("`{field}` of the template is missing"))
}

fn wrong(field: &str, value: &Value, right: &str) -> Error {
    Error::Invalid(format!("`{field}` of the template is {value}: must be {right}"))
}

fn metadata(revision: &Revision, template: &Template) -> Result<Value, Error> {
    let fields = template.fields();
    let own = |field: &str| match fields.get("metadata").and_then(|metadata| metadata.get(field)) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(own)) => Ok(own.clone()),
        Some(other) => Err(wrong(&format!("metadata.{field}"), other, "a map")),
    };
    let mut labels = own("labels")?;
    labels.insert(APP.to_owned(), revision.labels().get(APP).cloned().unwrap_or_default().into());
    labels.insert(REVISION.to_owned(), revision.name_any().into());
    labels.insert(REVISION_UID.to_owned(), revision.uid().unwrap_or_default().into());
    Ok(json!({ "labels": labels, "annotations": own("annotations")? }))
}

/// Gives the app its environment and its preStop, takes over its readiness probe and returns that.
fn prepare_app(app: &mut Map<String, Value>, revision: &Revision) -> Result<Value, Error> {
    app.entry("name").or_insert(json!(APP_CONTAINER));
    let app_name = revision.labels().get(APP).cloned().unwrap_or_default();
    let port = revision.spec.template.app_port().number.to_string();
    let revision_name = revision.name_any();
    let field = |name: &str| format!("containers[{}].{name}", revision.spec.template.app_index());
    // Knative's runtime contract.
    let given =
        [("PORT", &port), ("K_SERVICE", &app_name), ("K_CONFIGURATION", &app_name), ("K_REVISION", &revision_name)];
    match app.entry("env").or_insert(json!([])) {
        Value::Array(env) => {
            for (name, value) in given {
                if !env.iter().any(|e| e["name"] == name) {
                    env.push(json!({ "name": name, "value": value }));
                }
            }
        }
        other => return Err(wrong(&field("env"), other, "a list")),
    }
    // The app gets SIGTERM when its last request is answered; a preStop of the user's own stays.
    match app.entry("lifecycle").or_insert(json!({})) {
        Value::Object(lifecycle) => {
            let drain = || json!({ "httpGet": { "path": "/drain", "port": SIDECAR_ADMIN_PORT } });
            lifecycle.entry("preStop").or_insert_with(drain);
        }
        other => return Err(wrong(&field("lifecycle"), other, "a map")),
    }
    Ok(probe::take(app))
}

fn sidecar(revision: &Revision, args: &Args, readiness: &Value) -> Value {
    json!({
        "name": SIDECAR_CONTAINER,
        "image": args.queue_proxy_image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [
            { "name": "todoapp", "containerPort": SIDECAR_PORT, "protocol": "TCP" },
            { "name": "todoapp-admin", "containerPort": SIDECAR_ADMIN_PORT, "protocol": "TCP" },
        ],
        "env": sidecar_env(revision, args, readiness),
        // The slow truth; the quick one is what the queue-proxy tells the hub.
        "readinessProbe": { "httpGet": { "path": "/ready", "port": SIDECAR_ADMIN_PORT }, "periodSeconds": 1 },
        "resources": { "requests": { "cpu": "5m", "memory": "8Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
    })
}

fn sidecar_env(revision: &Revision, args: &Args, readiness: &Value) -> Vec<Value> {
    let uid = revision.uid().unwrap_or_default();
    let port = revision.spec.template.app_port();
    let full_name = format!("{}/{}", revision.namespace().unwrap_or_default(), revision.name_any());
    let value = |name: &str, value: String| json!({ "name": name, "value": value });
    let mut env = vec![
        json!({ "name": "TODOAPP_KEY", "valueFrom": { "secretKeyRef": { "name": key::secret_name(&uid), "key": "key" } } }),
        value("TODOAPP_REVISION", full_name),
        value("TODOAPP_REVISION_UID", uid),
        value("TODOAPP_HUB", args.hub_address()),
        value("TODOAPP_APP_PORT", port.number.to_string()),
        value("TODOAPP_PROTOCOL", if port.h2c { "h2c" } else { "http1" }.to_owned()),
        value("TODOAPP_CONCURRENCY_LIMIT", revision.spec.concurrency_limit.to_string()),
        value("TODOAPP_REQUEST_TIMEOUT_SECONDS", revision.spec.timeouts.request().as_secs_f64().to_string()),
        value("TODOAPP_READINESS", readiness.to_string()),
    ];
    env.extend(rarely_told(revision).into_iter().map(|(name, told)| value(name, told)));
    env
}

/// How many seconds a pod that has served its time goes on; none where pods are not recycled. At most half of the time
/// that the user's own template leaves it.
fn linger(revision: &Revision) -> Option<u64> {
    revision.spec.recycle_after.as_ref()?;
    let own = revision.spec.template.spec().and_then(|spec| spec.get("terminationGracePeriodSeconds")?.as_u64());
    Some(own.map_or(LINGER_SECONDS, |own| LINGER_SECONDS.min(own / 2)))
}

/// Named only where they are asked for: the pods of all other revisions stay as they are.
fn rarely_told(revision: &Revision) -> Vec<(&'static str, String)> {
    let recycle = revision.spec.recycle_after.clone().unwrap_or_default();
    let initializer = revision.spec.initializer.as_ref().map(
        |Initializer { path, timeout }| json!({ "path": path, "timeoutSeconds": Duration::from(*timeout).as_secs_f64() }),
    );
    let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64().to_string());
    let told = [
        ("TODOAPP_RESPONSE_START_TIMEOUT_SECONDS", seconds(revision.spec.timeouts.response_start())),
        ("TODOAPP_IDLE_TIMEOUT_SECONDS", seconds(revision.spec.timeouts.idle())),
        ("TODOAPP_INITIALIZER", initializer.map(|told| told.to_string())),
        ("TODOAPP_RECYCLE_REQUESTS", recycle.requests.map(|requests| requests.to_string())),
        ("TODOAPP_RECYCLE_AGE_SECONDS", seconds(recycle.age())),
        ("TODOAPP_RECYCLE_LINGER_SECONDS", linger(revision).filter(|time| *time > 0).map(|time| time.to_string())),
    ];
    told.into_iter().filter_map(|(name, told)| Some((name, told?))).collect()
}

#[cfg(test)]
mod tests {
    use api::{ResolvedImage, RevisionStatus};

    use super::*;
    use crate::revision::tests::{args, revision};

    #[test]
    fn timeouts_that_are_set_are_told_to_the_sidecar() {
        let told = |timeouts: Value| -> Vec<String> {
            let mut revision = revision(json!({ "spec": { "containers": [{ "image": "i" }] } }));
            revision.spec.timeouts = serde_json::from_value(timeouts).unwrap();
            let env = sidecar_env(&revision, &args(), &json!({}));
            let timeouts = env.iter().filter(|variable| variable["name"].as_str().unwrap().contains("TIMEOUT"));
            timeouts.map(|variable| format!("{}={}", variable["name"].as_str().unwrap(), variable["value"])).collect()
        };
        assert_eq!(told(json!({ "request": "10s", "idle": "0s" })), [r#"TODOAPP_REQUEST_TIMEOUT_SECONDS="10""#]);
        let all = json!({ "request": "10s", "responseStart": "1500ms", "idle": "1m" });
        assert_eq!(
            told(all),
            [
                r#"TODOAPP_REQUEST_TIMEOUT_SECONDS="10""#,
                r#"TODOAPP_RESPONSE_START_TIMEOUT_SECONDS="1.5""#,
                r#"TODOAPP_IDLE_TIMEOUT_SECONDS="60""#,
            ]
        );
    }

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

    #[test]
    fn the_sidecar_satisfies_the_standard_restricted_by_itself() {
        let template = json!({ "spec": { "containers": [{ "image": "i" }] } });
        let woven = weave(&revision(template), &args()).unwrap();
        // The pod's own security context is the user's business, so nothing may be left to it.
        assert!(woven["spec"].get("securityContext").is_none(), "{woven}");
        let security = &woven["spec"]["containers"][1]["securityContext"];
        assert_eq!(
            *security,
            json!({
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "seccompProfile": { "type": "RuntimeDefault" },
            }),
        );
    }

    #[test]
    fn the_sidecar_is_told_of_the_initializer_if_there_is_one() {
        let mut revision = revision(json!({ "spec": { "containers": [{ "image": "i" }] } }));
        let told = |revision: &Revision| {
            let woven = weave(revision, &args()).expect("a valid template");
            let env = woven["spec"]["containers"][1]["env"].as_array().expect("env").clone();
            env.into_iter().find(|e| e["name"] == "TODOAPP_INITIALIZER").map(|e| e["value"].clone())
        };
        assert_eq!(told(&revision), None);
        revision.spec.initializer = Some(api::Initializer::default());
        assert_eq!(told(&revision).expect("set"), r#"{"path":"/initialize","timeoutSeconds":30.0}"#);
    }

    #[test]
    fn a_pod_that_is_to_be_recycled_has_time_to_go() {
        let mut revision = revision(json!({ "spec": { "containers": [{ "image": "i" }] } }));
        let age = Some(Duration::from_hours(1).into());
        revision.spec.recycle_after = Some(api::RecycleAfter { requests: Some(7), age });
        let woven = weave(&revision, &args()).expect("a valid template");
        let env = woven["spec"]["containers"][1]["env"].to_string();
        assert!(env.contains(r#""name":"TODOAPP_RECYCLE_REQUESTS","value":"7""#), "{env}");
        assert!(env.contains(r#""name":"TODOAPP_RECYCLE_AGE_SECONDS","value":"3600""#), "{env}");
        assert!(env.contains(r#""name":"TODOAPP_RECYCLE_LINGER_SECONDS","value":"30""#), "{env}");
        assert_eq!(woven["spec"]["terminationGracePeriodSeconds"], 335);
        let short = json!({ "spec": { "containers": [{ "image": "i" }], "terminationGracePeriodSeconds": 7 } });
        revision.spec.template = serde_json::from_value(short).expect("a template");
        let woven = weave(&revision, &args()).expect("a valid template");
        let env = woven["spec"]["containers"][1]["env"].to_string();
        assert!(env.contains(r#""name":"TODOAPP_RECYCLE_LINGER_SECONDS","value":"3""#), "{env}");
    }

    #[test]
    fn the_sidecar_adds_no_volume_and_knows_the_app() {
        let woven = weave(
            &revision(json!({ "spec": { "containers": [
                { "name": "log", "image": "l" },
                { "name": "main", "image": "i", "ports": [{ "name": "h2c", "containerPort": 3002 }] },
            ] } })),
            &args(),
        )
        .expect("a valid template");
        let containers = woven["spec"]["containers"].as_array().expect("containers");
        assert_eq!(containers.len(), 3);
        let sidecar = &containers[2];
        let env = |name: &str| sidecar["env"].as_array().expect("env").iter().find(|e| e["name"] == name).cloned();
        assert_eq!(env("TODOAPP_APP_PORT").expect("set")["value"], "3002");
        assert_eq!(env("TODOAPP_PROTOCOL").expect("set")["value"], "h2c");
        assert!(sidecar.get("volumeMounts").is_none() && woven["spec"].get("volumes").is_none());
        assert_eq!(woven["spec"]["terminationGracePeriodSeconds"], 305);
        assert!(containers[0].get("lifecycle").is_none(), "only the app waits for its last request");
    }
}
