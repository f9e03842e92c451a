//! What Argo CD makes of a TodoApp by the chart's values for it: the scripts run as there, in Lua 5.1 with the libraries that
//! Argo CD opens (`base`, `table`, and of `os` the time alone: util/lua/lua.go of argo-cd).

use std::path::{Path, PathBuf};

use api::TodoApp;
use api::rollout::Phase;
use mlua::{Lua, LuaOptions, LuaSerdeExt, StdLib};
use serde_json::{Value, json};

const KEY: &str = "resource.customizations";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/todoapp/files/argocd")
}

/// A script of `values.yaml`, which must be that of its file.
fn script(file: &str) -> String {
    let text = std::fs::read_to_string(folder().join("values.yaml")).expect("the values");
    let values: Value = serde_saphyr::from_str(&text).expect("YAML");
    let key = |what: &str| values["configs"]["cm"][format!("{KEY}.{what}.todoapp.dev_TodoApp")].clone();
    let actions: Value = serde_saphyr::from_str(key("actions").as_str().expect("actions")).expect("YAML");
    let found = match file.split('/').collect::<Vec<_>>().as_slice() {
        ["health.lua"] => key("health"),
        ["actions", "discovery.lua"] => actions["discovery.lua"].clone(),
        ["actions", name, "action.lua"] => {
            let all = actions["definitions"].as_array().expect("definitions");
            all.iter().find(|action| action["name"] == *name).expect("the action")["action.lua"].clone()
        }
        _ => panic!("no script is called {file}"),
    };
    let own = std::fs::read_to_string(folder().join(file)).expect("the script");
    assert_eq!(found, own, "{file}: `make generate` brings values.yaml up to it");
    own
}

fn run(file: &str, object: &Value) -> Value {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::OS, LuaOptions::default()).expect("Lua");
    lua.load("os = { time = os.time, date = os.date }").exec().expect("libraries");
    lua.globals().set("obj", lua.to_value(object).expect("an object")).expect("set");
    let told = lua.load(script(file)).set_name(file).eval().unwrap_or_else(|error| panic!("{file}: {error}"));
    lua.from_value(told).expect("JSON")
}

fn condition(kind: &str, status: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": format!("{kind}Reason"), "message": format!("{kind} is {status}"),
        "lastTransitionTime": "2026-01-01T00:00:00Z" })
}

/// An app of generation 2 with these conditions and this release.
fn app(observed: u32, conditions: &[(&str, &str)], rollout: &Value) -> Value {
    let conditions: Vec<_> = conditions.iter().map(|(kind, status)| condition(kind, status)).collect();
    let app = json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
        "metadata": { "name": "user", "namespace": "default", "generation": 2, "resourceVersion": "4711" },
        "spec": { "template": { "spec": { "containers": [{ "image": "i" }] } } },
        "status": { "observedGeneration": observed, "conditions": conditions, "rollout": rollout, "replicas": 0 },
    });
    // What is made here must be an app, or the scripts are tested on what there never is.
    serde_json::from_value::<TodoApp>(app.clone()).expect("an app");
    app
}

fn release(phase: Phase) -> Value {
    json!({ "stable": "user-00001", "candidate": "user-00002", "phase": phase, "percent": 10, "step": 1, "steps": 4,
        "message": "why" })
}

const READY: (&str, &str) = ("Ready", "True");

#[test]
fn health_follows_kstatus_and_the_release() {
    let none = json!({ "stable": "user-00001" });
    let unready = ("Ready", "False");
    let mut unseen = app(2, &[], &none);
    unseen.as_object_mut().expect("fields").remove("status");
    let mut deleted = app(2, &[READY], &none);
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    for (object, status, message) in [
        (unseen, "Progressing", "the operator has not looked at this generation yet"),
        (app(1, &[READY], &none), "Progressing", "the operator has not looked at this generation yet"),
        (deleted, "Progressing", "it is being deleted"),
        (app(2, &[], &none), "Progressing", "it is not ready yet"),
        (app(2, &[unready], &none), "Progressing", "Ready is False"),
        (app(2, &[("Ready", "Unknown"), ("Reconciling", "True")], &none), "Progressing", "Reconciling is True"),
        (app(2, &[unready, ("Stalled", "True")], &none), "Degraded", "StalledReason: Stalled is True"),
        (app(2, &[READY, ("Stalled", "False"), ("Reconciling", "False")], &none), "Healthy", "Ready is True"),
        (app(2, &[READY], &Value::Null), "Healthy", "Ready is True"),
        (app(2, &[READY], &release(Phase::Progressing)), "Healthy", "release of user-00002: why"),
        (app(2, &[READY], &release(Phase::Paused)), "Suspended", "release of user-00002: why"),
        (app(2, &[READY], &release(Phase::WaitingForPromotion)), "Suspended", "release of user-00002: why"),
        (app(2, &[READY], &release(Phase::Aborted)), "Degraded", "release of user-00002: why"),
        (app(2, &[READY], &release(Phase::Failed)), "Degraded", "release of user-00002: why"),
        (app(2, &[READY, ("Reconciling", "True")], &release(Phase::Paused)), "Progressing", "Reconciling is True"),
    ] {
        let object = without_nulls(object);
        let told = run("health.lua", &object);
        assert_eq!(told, json!({ "status": status, "message": message }), "{object:#}");
    }
}

/// A field that is null is not stored.
fn without_nulls(mut object: Value) -> Value {
    if object["status"]["rollout"].is_null()
        && let Some(status) = object.get_mut("status").and_then(Value::as_object_mut)
    {
        status.remove("rollout");
    }
    object
}

#[test]
fn an_action_is_offered_where_it_does_something() {
    let offered = |rollout: &Value| {
        let told = run("actions/discovery.lua", &app(2, &[READY], rollout));
        ["promote", "abort", "pause", "resume"].map(|action| told[action]["disabled"] == false)
    };
    assert_eq!(offered(&json!({ "stable": "user-00001" })), [false; 4]);
    for phase in [
        Phase::Warming,
        Phase::Progressing,
        Phase::WaitingForTraffic,
        Phase::WaitingForCapacity,
        Phase::WaitingForPromotion,
        Phase::Paused,
        Phase::Aborted,
        Phase::Failed,
    ] {
        let (live, paused) = (phase.is_live(), phase == Phase::Paused);
        assert_eq!(offered(&release(phase)), [true, live, live && !paused, paused || !live], "{phase:?}");
    }
}

#[test]
fn an_action_writes_what_the_command_writes() {
    for (name, kind) in [("promote", "Promote"), ("abort", "Abort"), ("pause", "Pause"), ("resume", "Resume")] {
        let mut object = app(2, &[READY], &release(Phase::Progressing));
        let expected = json!({ "type": kind, "token": "argocd-4711" });
        let told = run(&format!("actions/{name}/action.lua"), &object);
        assert_eq!(told["spec"]["rollout"], json!({ "action": expected }), "{name}");
        serde_json::from_value::<TodoApp>(told).expect("an app");
        // One that was there before goes, with the revision that it meant.
        object["spec"]["rollout"] = json!({ "strategy": "Manual",
            "action": { "type": "Pause", "token": "t", "revision": "user-00001" } });
        let told = run(&format!("actions/{name}/action.lua"), &object);
        assert_eq!(told["spec"]["rollout"], json!({ "strategy": "Manual", "action": expected }), "{name}");
    }
}
