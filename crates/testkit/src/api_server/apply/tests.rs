//! Ownership, conflicts and removal, as KEP-555 and structured-merge-diff have them.

use serde_json::{Value, json};

use super::*;
use crate::api_server::kinds;

fn deployment() -> Schema {
    let kinds = kinds::built_in();
    kinds.into_iter().find(|kind| kind.kind == "Deployment").map(|kind| kind.schema).expect("a kind")
}

fn writer(manager: &str) -> Writer {
    Writer { manager: manager.to_owned(), subresource: String::new(), api_version: "apps/v1".to_owned() }
}

fn with(object: Value, managers: &Managers) -> Value {
    let mut object = object;
    object["metadata"]["managedFields"] = managers.to_json(&Managers::default(), "2026-01-01T00:00:00Z");
    object
}

fn applied(live: &Value, config: Value, manager: &str, force: bool) -> Result<Value, Vec<Conflict>> {
    apply(live, &config, &writer(manager), force, &deployment()).map(|(object, managers)| with(object, &managers))
}

fn updated(live: &Value, new: Value, manager: &str) -> Value {
    let managers = update(live, &new, &writer(manager), &deployment());
    with(new, &managers)
}

fn owned(object: &Value, manager: &str) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().expect("entries");
    let own = entries.iter().filter(|e| e["manager"] == manager);
    own.flat_map(|e| Fields::from_json(&e["fieldsV1"]).paths()).collect()
}

fn containers(images: &[(&str, &str)]) -> Value {
    let list: Vec<_> = images.iter().map(|(name, image)| json!({ "name": name, "image": image })).collect();
    json!({ "spec": { "template": { "spec": { "containers": list } } } })
}

#[test]
fn a_field_that_its_manager_applies_no_more_goes() {
    let live = applied(&Value::Null, containers(&[("app", "a"), ("side", "s")]), "one", false).expect("no conflict");
    let less = applied(&live, containers(&[("app", "a")]), "one", false).expect("no conflict");
    assert_eq!(less["spec"]["template"]["spec"]["containers"], json!([{ "name": "app", "image": "a" }]));
}

#[test]
fn what_two_own_stays_when_one_lets_go() {
    let config = json!({ "metadata": { "labels": { "a": "1", "b": "2" } } });
    let live = applied(&Value::Null, config, "one", false).expect("no conflict");
    let live = applied(&live, json!({ "metadata": { "labels": { "b": "2" } } }), "two", false).expect("same value");
    let live = applied(&live, json!({ "metadata": { "labels": {} } }), "one", false).expect("no conflict");
    assert_eq!(live["metadata"]["labels"], json!({ "b": "2" }));
    assert_eq!(owned(&live, "two"), [".metadata.labels.b"]);
}

#[test]
fn anothers_field_of_another_value_is_a_conflict_and_force_takes_it() {
    let live =
        applied(&Value::Null, json!({ "spec": { "replicas": 1, "paused": true } }), "one", false).expect("first");
    let wish = json!({ "spec": { "replicas": 2 } });
    let conflicts = applied(&live, wish.clone(), "two", false).expect_err("a conflict");
    assert_eq!(conflicts, [Conflict { manager: "one".into(), path: ".spec.replicas".into() }]);
    let taken = applied(&live, wish, "two", true).expect("forced");
    assert_eq!(taken["spec"], json!({ "replicas": 2, "paused": true }));
    assert_eq!(owned(&taken, "one"), [".spec.paused"]);
    assert_eq!(owned(&taken, "two"), [".spec.replicas"]);
}

#[test]
fn an_update_takes_what_it_changes_and_nothing_else() {
    let live =
        applied(&Value::Null, json!({ "spec": { "replicas": 1, "paused": true } }), "one", false).expect("first");
    let mut new = live.clone();
    new["spec"]["replicas"] = 5.into();
    let live = updated(&live, new, "scaler");
    assert_eq!(owned(&live, "scaler"), [".spec.replicas"]);
    assert_eq!(owned(&live, "one"), [".spec.paused"]);
    // One who never names a field does not touch it.
    let live = applied(&live, json!({ "spec": { "paused": true } }), "one", false).expect("no conflict");
    assert_eq!(live["spec"]["replicas"], 5);
}

#[test]
fn an_entry_with_anothers_field_loses_only_what_nobody_owns() {
    let live = applied(&Value::Null, containers(&[("app", "a")]), "one", false).expect("first");
    let mut new = live.clone();
    new["spec"]["template"]["spec"]["containers"][0]["tty"] = true.into();
    let live = updated(&live, new, "two");
    let live = applied(&live, json!({ "spec": { "paused": true } }), "one", false).expect("no conflict");
    assert_eq!(live["spec"]["template"]["spec"]["containers"], json!([{ "name": "app", "tty": true }]));
}

#[test]
fn a_parent_goes_with_what_was_filled_in_below_it() {
    let config = json!({ "spec": { "strategy": { "type": "Recreate" }, "paused": true } });
    let live = applied(&Value::Null, config, "one", false).expect("first");
    let mut defaulted = live.clone();
    defaulted["spec"]["strategy"]["filledIn"] = 1.into();
    let live = applied(&defaulted, json!({ "spec": { "paused": true } }), "one", false).expect("no conflict");
    assert_eq!(live["spec"], json!({ "paused": true }));
}

#[test]
fn lists_without_keys_have_one_owner_as_a_whole() {
    let config = |args: &[&str]| json!({ "spec": { "template": { "spec": { "containers": [{ "name": "app", "args": args }] } } } });
    let live = applied(&Value::Null, config(&["a", "b"]), "one", false).expect("first");
    let live = applied(&live, config(&["a"]), "one", false).expect("own field");
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["args"], json!(["a"]));
    applied(&live, config(&["b"]), "two", false).expect_err("a conflict");
}
