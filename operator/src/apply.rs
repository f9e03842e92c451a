//! The only writer of what reconciling plans: server-side apply of what differs, and nothing of what does not.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use api::labels::MANAGER;
use kube::Resource;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::Value;

use crate::error::Error;

/// An object as it is to be: `apiVersion`, `kind`, `metadata` with its controlling owner, and the fields that we own.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Its kind.
    pub resource: ApiResource,
    /// The fields that we own.
    pub body: Value,
}

/// What it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    Created,
    /// It had been changed, or our wish had.
    Updated,
    /// Nothing was written.
    Unchanged,
}

/// Objects that the API server stores in another spelling than ours ("0.5" as "500m"): looked at again only when
/// their generation or our wish changed. Holds only those, so it stays as small as they are few.
#[derive(Debug, Default)]
pub struct Respelled(Mutex<HashMap<String, (u64, i64)>>);

impl Desired {
    fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Name of the object.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// Namespace of the object.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    fn owner_uid(&self) -> &str {
        self.text("/metadata/ownerReferences/0/uid")
    }

    fn label(&self) -> String {
        format!("{} {}/{}", self.resource.kind, self.namespace(), self.name())
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.body.to_string().hash(&mut hasher);
        hasher.finish()
    }

    fn taken(&self) -> Error {
        let owner = self.body.pointer("/metadata/ownerReferences/0");
        let text = |field| owner.and_then(|o| o.get(field)).and_then(Value::as_str).unwrap_or_default();
        Error::Taken {
            kind: self.resource.kind.clone(),
            name: self.name().to_owned(),
            owner: format!("{} '{}'", text("kind"), text("name")),
        }
    }
}

/// Brings one object to what is desired. `observed` is what the store has of it, as JSON.
pub async fn ensure(
    client: &kube::Client,
    respelled: &Respelled,
    desired: &Desired,
    observed: Option<Value>,
) -> Result<Outcome, Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), desired.namespace(), &desired.resource);
    // A stranger's object has not our label and so is not in the store: look before the first write.
    let observed = if observed.is_some() {
        observed
    } else {
        let live = api.get_opt(desired.name()).await.map_err(Error::api("get", desired.label()))?;
        live.map(|object| serde_json::to_value(object).unwrap_or_default())
    };
    if let Some(observed) = &observed {
        if !is_controlled_by(observed, desired.owner_uid()) {
            return Err(desired.taken());
        }
        let leaving = observed.pointer("/metadata/deletionTimestamp").is_some();
        if leaving || covers(observed, &desired.body) || respelled.knows(desired, observed) {
            return Ok(Outcome::Unchanged);
        }
    }
    // Without force, a stranger who made the object since our look makes this a conflict instead of a loss.
    let params = PatchParams { force: observed.is_some(), ..PatchParams::apply(MANAGER) };
    let applied = api.patch(desired.name(), &params, &Patch::Apply(&desired.body)).await;
    let applied = applied.map_err(Error::api("apply", desired.label()));
    let written = match applied {
        // Where somebody changed the key of a list's entry, ours is added to theirs instead of put in its place: a
        // Service's port 80 beside 81, which the API server refuses. A merge patch replaces the list.
        Err(error) if observed.is_some() && error.code() == Some(422) => {
            let params = PatchParams { force: false, ..params };
            let merged = api.patch(desired.name(), &params, &Patch::Merge(&desired.body)).await;
            merged.map_err(|_| error)?
        }
        applied => applied?,
    };
    respelled.note(desired, &written);
    Ok(if observed.is_some() { Outcome::Updated } else { Outcome::Created })
}

impl Respelled {
    fn knows(&self, desired: &Desired, observed: &Value) -> bool {
        let generation = observed.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        self.0.lock().get(&desired.label()).is_some_and(|known| *known == (desired.hash(), generation))
    }

    fn note(&self, desired: &Desired, written: &DynamicObject) {
        let generation = written.meta().generation.unwrap_or(0);
        let stored = serde_json::to_value(written).unwrap_or_default();
        let mut known = self.0.lock();
        if covers(&stored, &desired.body) {
            known.remove(&desired.label());
        } else {
            known.insert(desired.label(), (desired.hash(), generation));
        }
    }
}

fn is_controlled_by(observed: &Value, uid: &str) -> bool {
    let owners = observed.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|o| o["controller"] == true && o["uid"] == uid)
}

/// Whether every field of `desired` is in `observed` with the same value; what others added is theirs.
pub fn covers(observed: &Value, desired: &Value) -> bool {
    match (observed, desired) {
        (_, Value::Null) => true,
        (Value::Object(have), Value::Object(want)) => want.iter().all(|(key, want)| match have.get(key) {
            Some(have) => covers(have, want),
            None => is_empty(want),
        }),
        (Value::Array(have), Value::Array(want)) => match want.first().and_then(|w| w.get("name")) {
            // Lists merged by name, such as containers, ports and env.
            Some(_) => want.iter().all(|w| have.iter().any(|h| h["name"] == w["name"] && covers(h, w))),
            None => have.len() == want.len() && have.iter().zip(want).all(|(h, w)| covers(h, w)),
        },
        (Value::Number(have), Value::Number(want)) => have.as_f64() == want.as_f64(),
        _ => observed == desired,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_added_is_no_difference() {
        let desired = json!({"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "app", "image": "x"}], "volumes": []}});
        let observed = json!({"metadata": {"labels": {"a": "1", "b": "2"}},
            "spec": {"replicas": 3, "containers": [{"name": "mesh", "image": "m"}, {"name": "app", "image": "x", "tty": false}]}});
        assert!(covers(&observed, &desired));
    }

    #[test]
    fn a_change_of_what_is_ours_is_seen() {
        let desired = json!({"spec": {"ports": [{"name": "http", "port": 80}], "type": "ClusterIP"}});
        for observed in [
            json!({"spec": {"ports": [{"name": "http", "port": 81}], "type": "ClusterIP"}}),
            json!({"spec": {"ports": [{"name": "other", "port": 80}], "type": "ClusterIP"}}),
            json!({"spec": {"ports": [{"name": "http", "port": 80}]}}),
        ] {
            assert!(!covers(&observed, &desired), "{observed}");
        }
    }

    #[test]
    fn a_list_without_names_is_compared_whole() {
        let desired = json!({"endpoints": [{"addresses": ["10.0.0.1"]}]});
        assert!(covers(&json!({"endpoints": [{"addresses": ["10.0.0.1"], "nodeName": "n"}]}), &desired));
        assert!(!covers(&json!({"endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}]}), &desired));
    }

    #[test]
    fn only_a_controlling_owner_counts() {
        let ours = json!({"metadata": {"ownerReferences": [{"uid": "u", "controller": true}]}});
        assert!(is_controlled_by(&ours, "u"));
        assert!(!is_controlled_by(&ours, "v"));
        assert!(!is_controlled_by(&json!({"metadata": {"ownerReferences": [{"uid": "u"}]}}), "u"));
        assert!(!is_controlled_by(&json!({"metadata": {}}), "u"));
    }
}
