//! Patches: RFC 7396 (merge), RFC 6902 (JSON patch). Server-side apply is in `apply`.

use serde_json::Value;

use super::refusal::Refusal;

/// Form of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 7396.
    Merge,
    /// RFC 6902.
    Json,
    /// Server-side apply.
    Apply,
}

impl PatchKind {
    /// By media type.
    pub fn of(content_type: &str) -> Result<Self, Refusal> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/json-patch+json" => Ok(Self::Json),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            other => {
                let message = format!(
                    "the body of the request was in an unknown format - accepted media types include: \
                     application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml, not {other}"
                );
                Err(Refusal::new(415, "UnsupportedMediaType", message))
            }
        }
    }
}

/// `object` with a merge patch or JSON patch put on.
pub fn patched(object: &Value, kind: PatchKind, patch: &Value) -> Result<Value, Refusal> {
    let mut new = object.clone();
    if kind == PatchKind::Json {
        let steps: json_patch::Patch = serde_json::from_value(patch.clone())
            .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))?;
        json_patch::patch(&mut new, &steps).map_err(|error| {
            let message = format!("the server rejected our request due to an error in our request: {error}");
            Refusal::new(422, "Invalid", message)
        })?;
    } else {
        json_patch::merge(&mut new, patch);
    }
    Ok(new)
}

/// Takes every null out of maps: for the API server a field that is null is a field that is not there.
pub fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_leaves_what_it_does_not_name() {
        let patch = json!({ "spec": { "b": null, "c": { "e": 2 } } });
        let new = patched(&json!({ "spec": { "a": 1, "b": 1, "c": { "d": 1 } } }), PatchKind::Merge, &patch);
        assert_eq!(new.expect("valid"), json!({ "spec": { "a": 1, "c": { "d": 1, "e": 2 } } }));
    }

    #[test]
    fn a_json_patch_whose_test_fails_changes_nothing() {
        let patch = json!([{ "op": "test", "path": "/a", "value": 2 }, { "op": "remove", "path": "/a" }]);
        let refusal = patched(&json!({ "a": 1 }), PatchKind::Json, &patch).expect_err("the test fails");
        assert_eq!(refusal.code, 422);
    }
}
