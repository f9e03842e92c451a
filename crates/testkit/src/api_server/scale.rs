//! The scale subresource (autoscaling/v1): one number of an object, by itself.

use serde_json::{Value, json};

use super::refusal::Refusal;

/// The Scale of an object. As with the real one, a number that is 0 is not there.
pub fn of(object: &Value) -> Value {
    let metadata = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"];
    let metadata: serde_json::Map<_, _> = metadata
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), object["metadata"].get(field)?.clone())))
        .collect();
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let pairs =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    let mut scale = json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": metadata,
        "spec": {},
        "status": { "replicas": object["status"]["replicas"].as_u64().unwrap_or(0),
            "selector": pairs.collect::<Vec<_>>().join(",") },
    });
    if let Some(replicas) = object["spec"]["replicas"].as_u64().filter(|&replicas| replicas > 0) {
        scale["spec"]["replicas"] = replicas.into();
    }
    scale
}

/// The object with the number of a Scale; its `resourceVersion`, if it has one, must be the object's.
pub fn scaled(object: &Value, scale: &Value) -> Result<Value, Refusal> {
    let replicas = scale["spec"].get("replicas").unwrap_or(&Value::Null);
    let replicas = if replicas.is_null() { Some(0) } else { replicas.as_u64() };
    let Some(replicas) = replicas else {
        let message =
            format!("spec.replicas: Invalid value: {}: must be a whole number, 0 or more", scale["spec"]["replicas"]);
        return Err(Refusal::new(422, "Invalid", message));
    };
    let mut new = object.clone();
    new["spec"]["replicas"] = replicas.into();
    if let Some(version) = scale["metadata"].get("resourceVersion") {
        new["metadata"]["resourceVersion"] = version.clone();
    }
    Ok(new)
}

/// What an applied Scale means for the object.
pub fn config(scale: &Value) -> Value {
    json!({ "spec": { "replicas": scale["spec"]["replicas"] } })
}
