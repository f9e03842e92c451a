//! A kind made by a CustomResourceDefinition: merging by its schema, defaults and pruning. Its CEL rules are not
//! evaluated; a test that needs one states it as a `Rule`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value};

use super::apply::schema::Schema;
use super::kinds::{Feature, Kind, metadata_schema};

/// The kind that a definition makes, in its first served version.
pub fn kind(definition: &CustomResourceDefinition) -> Option<Kind> {
    let spec = &definition.spec;
    let version = spec.versions.iter().find(|version| version.served)?;
    let parts = version.subresources.as_ref();
    let open_api = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    let open_api = open_api.and_then(|schema| serde_json::to_value(schema).ok());
    let mut schema = metadata_schema();
    if let Some(open_api) = &open_api {
        read(open_api, "", &mut schema);
    }
    let features = [
        (true, Feature::Generation),
        (spec.scope == "Namespaced", Feature::Namespaced),
        (parts.is_some_and(|parts| parts.status.is_some()), Feature::Status),
        (parts.is_some_and(|parts| parts.scale.is_some()), Feature::Scale),
    ];
    Some(Kind {
        group: spec.group.clone(),
        version: version.name.clone(),
        plural: spec.names.plural.clone(),
        kind: spec.names.kind.clone(),
        features: features.into_iter().filter(|(has, _)| *has).map(|(_, feature)| feature).collect(),
        schema,
        open_api,
    })
}

fn read(open_api: &Value, path: &str, schema: &mut Schema) {
    let list = |field: &str| open_api[field].as_array().into_iter().flatten().filter_map(Value::as_str);
    match open_api["x-kubernetes-list-type"].as_str() {
        Some("map") => schema.keyed(path, &list("x-kubernetes-list-map-keys").collect::<Vec<_>>().join(",")),
        Some("set") => schema.set(path),
        _ => {}
    }
    if open_api["x-kubernetes-map-type"] == "atomic" {
        schema.whole(path);
    }
    for (name, field) in open_api["properties"].as_object().into_iter().flatten() {
        read(field, &if path.is_empty() { name.clone() } else { format!("{path}/{name}") }, schema);
    }
    if open_api["items"].is_object() {
        read(&open_api["items"], path, schema);
    }
}

/// Takes out what the schema does not know and fills in its defaults. `apiVersion`, `kind` and `metadata` are not its
/// business.
pub fn shape(object: &mut Value, open_api: &Value) {
    let Some(map) = object.as_object_mut() else { return };
    let apart = |name: &str| matches!(name, "apiVersion" | "kind" | "metadata");
    let system: Map<_, _> = map.iter().filter(|(name, _)| apart(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
    prune(object, open_api);
    fill(object, open_api);
    if let Some(map) = object.as_object_mut() {
        map.extend(system);
    }
}

fn prune(value: &mut Value, open_api: &Value) {
    match value {
        Value::Object(map) => {
            let known = open_api["properties"].as_object();
            let rest = open_api["additionalProperties"].as_object().is_some();
            if known.is_some() && !rest && open_api["x-kubernetes-preserve-unknown-fields"] != true {
                map.retain(|name, _| known.is_some_and(|known| known.contains_key(name)));
            }
            for (name, value) in map {
                let field = known.and_then(|known| known.get(name)).unwrap_or(&open_api["additionalProperties"]);
                prune(value, field);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| prune(value, &open_api["items"])),
        _ => {}
    }
}

fn fill(value: &mut Value, open_api: &Value) {
    match value {
        Value::Object(map) => {
            for (name, field) in open_api["properties"].as_object().into_iter().flatten() {
                if let Some(default) = field.get("default") {
                    map.entry(name).or_insert_with(|| default.clone());
                }
                if let Some(value) = map.get_mut(name) {
                    fill(value, field);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| fill(value, &open_api["items"])),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_go_and_defaults_come() {
        let open_api = json!({ "properties": { "spec": { "properties": {
            "size": { "default": 3 }, "inner": { "default": {}, "properties": { "x": { "default": "y" } } },
            "free": { "x-kubernetes-preserve-unknown-fields": true },
        } } } });
        let mut object = json!({ "kind": "K", "metadata": { "name": "n" }, "spec": { "what": 1, "free": { "a": 1 } } });
        shape(&mut object, &open_api);
        let spec = json!({ "size": 3, "inner": { "x": "y" }, "free": { "a": 1 } });
        assert_eq!(object, json!({ "kind": "K", "metadata": { "name": "n" }, "spec": spec }));
    }
}
