//! Deletes: at once, or by and by, when finalizers or a pod's grace hold an object.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::{Feature, Kind};
use super::path::Target;
use super::refusal::Refusal;
use super::state::{Answer, Request, State, key};

/// Whether nothing holds an object that is being deleted.
pub fn is_over(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let full = object["kind"] == "Namespace" && object["spec"]["finalizers"].as_array().is_some_and(|f| !f.is_empty());
    !full
        && metadata.get("deletionTimestamp").is_some()
        && metadata["finalizers"].as_array().is_none_or(Vec::is_empty)
        && metadata["deletionGracePeriodSeconds"].as_u64().unwrap_or(0) == 0
}

impl State {
    /// Ends one object.
    pub fn delete(&mut self, request: &Request) -> Answer {
        let kind = self.kinds[request.target.kind].clone();
        let old = self.existing(&request.target)?;
        let options = &request.body;
        for field in ["uid", "resourceVersion"] {
            let (asked, is) = (&options["preconditions"][field], &old["metadata"][field]);
            if !asked.is_null() && asked != is {
                let why =
                    format!("Precondition failed: {field} in precondition: {asked}, {field} in object meta: {is}");
                return Err(Refusal::conflict(&kind, &request.target.name, &why));
            }
        }
        let mut new = old.as_ref().clone();
        finalize(&mut new, options["propagationPolicy"].as_str().unwrap_or_default());
        let grace = grace(&kind, &old, options);
        let ends =
            Timestamp::from_second(self.clock.now().as_second()).unwrap_or_default() + Duration::from_secs(grace);
        let left = old["metadata"]["deletionGracePeriodSeconds"].as_u64();
        let leaving = old["metadata"].get("deletionTimestamp").is_some();
        // A grace can be shortened, never lengthened.
        if !leaving || left.is_some_and(|left| grace < left) {
            new["metadata"]["deletionTimestamp"] = ends.to_string().into();
            new["metadata"]["deletionGracePeriodSeconds"] = grace.into();
            if kind.has(Feature::Generation) && !leaving {
                new["metadata"]["generation"] = (old["metadata"]["generation"].as_i64().unwrap_or(0) + 1).into();
            }
        }
        if is_over(&new) {
            let mut last = old.as_ref().clone();
            last["metadata"]["deletionTimestamp"] = new["metadata"]["deletionTimestamp"].clone();
            last["metadata"]["deletionGracePeriodSeconds"] = 0.into();
            self.store.remove(&key(&request.target), last);
            return Ok((200, Arc::new(done(&kind, &old))));
        }
        if new == *old {
            return Ok((200, old));
        }
        Ok((200, self.store.put(key(&request.target), new)))
    }

    /// Ends all objects that a request means.
    pub fn delete_all(&mut self, request: &Request) -> Answer {
        let namespace = Some(request.target.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let meant = self.store.of_kind(request.target.kind, namespace);
        let meant: Vec<_> =
            meant.filter(|(_, o)| request.query.selector.matches(o)).map(|(key, _)| key.clone()).collect();
        let list = self.act(&Request { verb: super::path::Verb::List, ..request.clone() })?;
        for (_, namespace, name) in meant {
            let target = Target { namespace, name, ..request.target.clone() };
            self.delete(&Request { target, ..request.clone() })?;
        }
        Ok(list)
    }
}

/// The seconds that an object is given to end. Only a pod on a node has any.
fn grace(kind: &Kind, object: &Value, options: &Value) -> u64 {
    let over = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if kind.kind != "Pod" || object["spec"].get("nodeName").is_none() || over {
        return 0;
    }
    let asked = options["gracePeriodSeconds"].as_u64();
    asked.or_else(|| object["spec"]["terminationGracePeriodSeconds"].as_u64()).unwrap_or(30)
}

/// Holds an object for the garbage collector, when its dependents are to go first or to stay.
fn finalize(object: &mut Value, policy: &str) {
    let name = match policy {
        "Foreground" => "foregroundDeletion",
        "Orphan" => "orphan",
        _ => return,
    };
    let finalizers = &mut object["metadata"]["finalizers"];
    if finalizers.is_null() {
        *finalizers = json!([]);
    }
    if let Some(list) = finalizers.as_array_mut().filter(|list| !list.iter().any(|f| f == name)) {
        list.push(name.into());
    }
}

fn done(kind: &Kind, object: &Value) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": { "name": object["metadata"]["name"], "group": kind.group, "kind": kind.plural, "uid": object["metadata"]["uid"] },
    })
}
