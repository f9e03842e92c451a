//! What must hold of a pod that was made of a template.

use std::collections::BTreeSet;

use queue_proxy::Config;
use serde_json::{Map, Value, json};

const OURS: [&str; 3] = ["todoapp.dev/app", "todoapp.dev/revision", "todoapp.dev/revision-uid"];

/// `template` without nulls, which Kubernetes takes for fields that are not there.
pub fn hold(template: &Value, pod: &Value) {
    let (before, after) = (&template["spec"], &pod["spec"]);
    metadata(&template["metadata"], &pod["metadata"]);

    let mut containers = items(&after["containers"]).to_vec();
    let sidecar = containers.pop().expect("a sidecar");
    let users = items(&before["containers"]);
    assert_eq!(containers.len(), users.len(), "one container was added");
    let app = users.iter().position(|user| !items(&user["ports"]).is_empty()).unwrap_or(0);
    for (place, (user, woven)) in users.iter().zip(&containers).enumerate() {
        container(user, woven, (place == app).then_some(&sidecar));
    }
    let (users, woven) = (items(&before["initContainers"]), items(&after["initContainers"]));
    assert_eq!(users.len(), woven.len());
    users.iter().zip(woven).for_each(|(user, woven)| container(user, woven, None));

    the_sidecar(&sidecar);
    differ(&names(before), &names(after));
    let defaults = ["automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds"];
    same(before, after, &[&["containers", "initContainers"][..], &defaults].concat());
    for name in defaults {
        assert!(before.get(name).is_none_or(|user| *user == after[name]), "{name} is the user's: {pod}");
        assert!(after.get(name).is_some_and(|value| !value.is_null()), "{name} is missing: {pod}");
    }
}

fn metadata(before: &Value, after: &Value) {
    let rest = |fields: &Value| -> Map<String, Value> {
        let fields = fields.as_object().into_iter().flatten().filter(|(name, _)| !OURS.contains(&name.as_str()));
        fields.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    for field in ["labels", "annotations"] {
        assert!(before.get(field).is_none_or(Value::is_object), "{field} that are no map were passed over: {before}");
        assert_eq!(rest(&before[field]), rest(&after[field]), "{field}");
    }
    assert_eq!(OURS.map(|name| &after["labels"][name]), ["shop", "shop-00007", "uid-7"]);
}

/// `sidecar` is given for the app.
fn container(user: &Value, woven: &Value, sidecar: Option<&Value>) {
    same(user, woven, &["name", "image", "terminationMessagePolicy", "env", "lifecycle", "readinessProbe"]);
    let image = &woven["image"];
    assert!(*image == user["image"] || *image == resolved(woven["name"].as_str().unwrap_or_default()), "{woven}");
    assert!(user.get("name").is_none_or(|name| *name == woven["name"]), "{woven}");
    assert!(woven.get("terminationMessagePolicy").is_some_and(|policy| !policy.is_null()), "{woven}");
    let policy = user.get("terminationMessagePolicy");
    assert!(policy.is_none_or(|policy| *policy == woven["terminationMessagePolicy"]), "{woven}");
    let Some(sidecar) = sidecar else {
        return same(user, woven, &["name", "image", "terminationMessagePolicy"]);
    };

    assert!(woven["name"].is_string(), "{woven}");
    let (users, all) = (items(&user["env"]), items(&woven["env"]));
    assert!(all.starts_with(users), "the user's environment comes first: {woven}");
    for name in ["PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"] {
        let given = all.iter().filter(|variable| variable["name"] == name).count();
        let own = users.iter().filter(|variable| variable["name"] == name).count();
        assert_eq!(given, own.max(1), "{name} in {woven}");
    }
    same(&user["lifecycle"], &woven["lifecycle"], &["preStop"]);
    let stop = user["lifecycle"].get("preStop").cloned();
    let ours = json!({ "httpGet": { "path": "/drain", "port": 9091 } });
    assert_eq!(woven["lifecycle"]["preStop"], stop.unwrap_or(ours));
    if woven.get("readinessProbe") != user.get("readinessProbe") {
        assert!(woven.get("readinessProbe").is_none(), "a probe moves whole: {woven}");
        let told: Value = serde_json::from_str(&variable(sidecar, "TODOAPP_READINESS").expect("set")).expect("JSON");
        let user = &user["readinessProbe"];
        let port = |probe: &Value| ["httpGet", "tcpSocket"].iter().any(|kind| probe[kind]["port"].is_string());
        assert!(told == *user || port(user), "the probe is told as it was written: {told} of {user}");
    }
}

fn the_sidecar(sidecar: &Value) {
    assert_eq!((&sidecar["name"], &sidecar["image"]), (&json!("queue-proxy"), &json!("qp:1")));
    let restricted = json!({
        "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "readOnlyRootFilesystem": true,
        "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" },
    });
    assert_eq!(sidecar["securityContext"], restricted);
    assert!(sidecar.get("volumeMounts").is_none());
    // It ends at once with an environment that it cannot read, and the pod is never ready.
    let config = Config::from_env(|name| match name {
        "TODOAPP_KEY" => Some("ab".repeat(32)),
        "HOSTNAME" => Some("pod".to_owned()),
        _ => variable(sidecar, name),
    });
    if let Err(cause) = config {
        panic!("the sidecar would not start: {cause}");
    }
}

fn variable(container: &Value, name: &str) -> Option<String> {
    let found = items(&container["env"]).iter().find(|variable| variable["name"] == name)?;
    found["value"].as_str().map(str::to_owned)
}

/// No two of one name that were not the user's own.
fn differ(before: &[String], after: &[String]) {
    let distinct = |names: &[String]| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    assert!(!distinct(before) || distinct(after), "names collide: {after:?}");
}

/// All fields but these are what they were, and no others were added.
fn same(before: &Value, after: &Value, but: &[&str]) {
    let rest = |value: &Value| -> Map<String, Value> {
        let fields = value.as_object().into_iter().flatten().filter(|(name, _)| !but.contains(&name.as_str()));
        fields.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    assert_eq!(rest(before), rest(after));
}

/// Of containers and those before them, as far as they have one.
pub fn names(pod: &Value) -> Vec<String> {
    let all = ["initContainers", "containers"].into_iter().flat_map(|list| items(&pod[list]));
    all.filter_map(|container| container["name"].as_str().map(str::to_owned)).collect()
}

/// The digest of a container's image.
pub fn resolved(container: &str) -> String {
    format!("{container}@sha256:0")
}

pub fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
