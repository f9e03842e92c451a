//! The queue-proxy's container, and what it is told of its revision.

use std::time::Duration;

use api::labels::{SIDECAR_ADMIN_PORT, SIDECAR_CONTAINER, SIDECAR_PORT};
use api::{Initializer, Revision};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::super::key;
use crate::args::Args;

/// A pod that has served its time goes on for so long after SIGTERM, until another one is there.
const LINGER_SECONDS: u64 = 30;

/// The container; `readiness` is the probe that it takes over from the app.
pub fn container(revision: &Revision, args: &Args, readiness: &Value) -> Value {
    json!({
        "name": SIDECAR_CONTAINER,
        "image": args.queue_proxy_image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [
            { "name": "todoapp", "containerPort": SIDECAR_PORT, "protocol": "TCP" },
            { "name": "todoapp-admin", "containerPort": SIDECAR_ADMIN_PORT, "protocol": "TCP" },
        ],
        "env": env(revision, args, readiness),
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

fn env(revision: &Revision, args: &Args, readiness: &Value) -> Vec<Value> {
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
pub fn linger(revision: &Revision) -> Option<u64> {
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
    use super::super::weave;
    use super::*;
    use crate::revision::tests::{args, revision};

    #[test]
    fn timeouts_that_are_set_are_told_to_the_sidecar() {
        let told = |timeouts: Value| -> Vec<String> {
            let mut revision = revision(json!({ "spec": { "containers": [{ "image": "i" }] } }));
            revision.spec.timeouts = serde_json::from_value(timeouts).unwrap();
            let env = env(&revision, &args(), &json!({}));
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
