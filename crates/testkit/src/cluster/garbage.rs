//! The garbage collector and the end of namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::follow::NAMESPACE;
use crate::api_server::{Local, Selector};

/// What is to be done with one object.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// Nobody owns it any more.
    Delete,
    /// Its owner waits for it.
    DeleteForeground,
    /// Only these owners are left.
    Keep(Vec<Value>),
    /// Nobody that its end waits for is left.
    Unhold(&'static str),
}

/// Ends what has lost its owner, or its namespace.
pub fn step(local: &Local) -> Option<Duration> {
    let objects = local.all();
    for (object, step) in plan(&objects) {
        // Whatever is refused now is tried again at the next change.
        let _ = match step {
            Step::Delete => local.delete(object, json!({ "propagationPolicy": "Background" })),
            Step::DeleteForeground => local.delete(object, json!({ "propagationPolicy": "Foreground" })),
            Step::Keep(owners) => local.patch(object, json!({ "metadata": { "ownerReferences": owners } })).map(|_| ()),
            Step::Unhold(name) => {
                let left: Vec<_> = finalizers(object).filter(|f| *f != name).collect();
                local.patch(object, json!({ "metadata": { "finalizers": left } })).map(|_| ())
            }
        };
    }
    for namespace in local.list(NAMESPACE, "", &Selector::default()) {
        if namespace["metadata"].get("deletionTimestamp").is_some() {
            end_namespace(local, &namespace, &objects);
        }
    }
    None
}

fn end_namespace(local: &Local, namespace: &Value, objects: &[Arc<Value>]) {
    let within = |object: &&Arc<Value>| object["metadata"]["namespace"] == namespace["metadata"]["name"];
    let mut left = false;
    for object in objects.iter().filter(within) {
        left = true;
        if object["metadata"].get("deletionTimestamp").is_none() {
            let _ = local.delete(object, json!({}));
        }
    }
    if !left {
        let _ = local.patch(namespace, json!({ "spec": { "finalizers": null } }));
    }
}

fn plan(objects: &[Arc<Value>]) -> Vec<(&Arc<Value>, Step)> {
    let by_uid: BTreeMap<&str, &Arc<Value>> = objects.iter().map(|object| (uid(object), object)).collect();
    let mut blocked: BTreeSet<&str> = BTreeSet::new();
    let mut steps = Vec::new();
    for object in objects {
        let owners = owners(object);
        for owner in owners.iter().filter(|owner| owner["blockOwnerDeletion"] == true) {
            blocked.insert(owner["uid"].as_str().unwrap_or_default());
        }
        steps.extend(step_of(object, owners, &by_uid).map(|step| (object, step)));
    }
    for object in objects.iter().filter(|object| object["metadata"].get("deletionTimestamp").is_some()) {
        let owned = || objects.iter().any(|o| owners(o).iter().any(|owner| owner["uid"] == uid(object)));
        if holds(object, "foregroundDeletion") && !blocked.contains(uid(object)) {
            steps.push((object, Step::Unhold("foregroundDeletion")));
        } else if holds(object, "orphan") && !owned() {
            steps.push((object, Step::Unhold("orphan")));
        }
    }
    steps
}

fn step_of(object: &Value, owners: &[Value], by_uid: &BTreeMap<&str, &Arc<Value>>) -> Option<Step> {
    let owner = |reference: &Value| by_uid.get(reference["uid"].as_str().unwrap_or_default()).copied();
    let lets_go = |reference: &&Value| owner(reference).is_none_or(|owner| holds(owner, "orphan"));
    let left: Vec<Value> = owners.iter().filter(|reference| !lets_go(reference)).cloned().collect();
    let leaving = object["metadata"].get("deletionTimestamp").is_some();
    let waits = |reference: &Value| owner(reference).is_some_and(|owner| holds(owner, "foregroundDeletion"));
    if owners.is_empty() || (leaving && left.len() == owners.len()) {
        None
    } else if left.is_empty() && !leaving && owners.iter().all(|reference| owner(reference).is_none()) {
        Some(Step::Delete)
    } else if left.len() < owners.len() && owners.iter().any(|reference| owner(reference).is_some()) {
        Some(Step::Keep(left))
    } else if !leaving && left.iter().all(waits) {
        Some(Step::DeleteForeground)
    } else {
        None
    }
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn owners(object: &Value) -> &[Value] {
    object["metadata"]["ownerReferences"].as_array().map_or(&[], Vec::as_slice)
}

fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn holds(object: &Value, finalizer: &str) -> bool {
    object["metadata"].get("deletionTimestamp").is_some() && finalizers(object).any(|name| name == finalizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(uid: &str, owners: &[&str], finalizer: Option<&str>) -> Arc<Value> {
        let owners: Vec<_> = owners.iter().map(|uid| json!({ "uid": uid, "blockOwnerDeletion": true })).collect();
        let mut object = json!({ "metadata": { "uid": uid, "ownerReferences": owners } });
        if let Some(finalizer) = finalizer {
            object["metadata"]["finalizers"] = json!([finalizer]);
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        Arc::new(object)
    }

    fn steps(objects: &[Arc<Value>]) -> Vec<(&str, Step)> {
        plan(objects).into_iter().map(|(object, step)| (uid(object), step)).collect()
    }

    #[test]
    fn what_lost_its_last_owner_goes() {
        let objects = [object("a", &[], None), object("b", &["a"], None), object("c", &["gone"], None)];
        assert_eq!(steps(&objects), [("c", Step::Delete)]);
        let objects = [object("a", &[], None), object("b", &["a", "gone"], None)];
        assert!(matches!(&steps(&objects)[..], [("b", Step::Keep(owners))] if owners.len() == 1));
    }

    #[test]
    fn in_the_foreground_dependents_go_first() {
        let objects = [object("a", &[], Some("foregroundDeletion")), object("b", &["a"], None)];
        assert_eq!(steps(&objects), [("b", Step::DeleteForeground)]);
        assert_eq!(steps(&objects[..1]), [("a", Step::Unhold("foregroundDeletion"))]);
    }

    #[test]
    fn orphans_stay() {
        let objects = [object("a", &[], Some("orphan")), object("b", &["a"], None)];
        assert_eq!(steps(&objects), [("b", Step::Keep(vec![]))]);
        assert_eq!(steps(&[objects[0].clone(), object("b", &[], None)]), [("a", Step::Unhold("orphan"))]);
    }
}
