//! Whether the API server takes a template: its schema in the CRD, read here, and the CEL rules in that, restated here.

use std::{sync::LazyLock, time::Duration};

use api::RevisionSpec;
use schemars::{JsonSchema as _, SchemaGenerator};
use serde_json::Value;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| api::Template::json_schema(&mut SchemaGenerator::default()).to_value());

pub fn admits(template: &Value) -> bool {
    fits(template, &SCHEMA)
}

/// The rules of the other fields: of a duration its letters are seen in the text, for Go's has signs and other units.
pub fn takes(spec: &RevisionSpec, text: &Value) -> bool {
    let durations =
        ["/initializer/timeout", "/timeouts/request", "/timeouts/responseStart", "/timeouts/idle", "/recycleAfter/age"];
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b".msh".contains(&byte));
    let letters = durations.iter().filter_map(|field| text.pointer(field)?.as_str()).all(plain);
    let within = |span: Duration, min, max| (Duration::from_secs(min)..=Duration::from_secs(max)).contains(&span);
    let day = 24 * 3600;
    letters
        && spec.initializer.as_ref().is_none_or(|told| {
            let path =
                told.path.starts_with('/') && told.path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
            path && within(told.timeout(), 1, 600)
        })
        && within(spec.timeouts.request(), 1, day)
        && spec.timeouts.response_start().is_none_or(|span| within(span, 1, day) && span <= spec.timeouts.request())
        && spec.timeouts.idle().is_none_or(|span| within(span, 1, day))
        && spec.recycle_after.as_ref().is_none_or(|recycle| {
            let some = recycle.requests.is_some() || recycle.age.is_some();
            some && recycle.requests != Some(0) && recycle.age().is_none_or(|age| within(age, 10, 30 * day))
        })
        && spec.concurrency_limit <= 1000
}

fn fits(value: &Value, schema: &Value) -> bool {
    let number = |field: &str| schema[field].as_u64();
    let within = |length: usize, min: &str, max: &str| {
        number(min).is_none_or(|min| length as u64 >= min) && number(max).is_none_or(|max| length as u64 <= max)
    };
    let shape = match schema["type"].as_str() {
        Some("object") => value.as_object().is_some_and(|fields| {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let known = schema["properties"].as_object().into_iter().flatten();
            required.into_iter().all(|name| fields.contains_key(name))
                && known.into_iter().all(|(name, schema)| fields.get(name).is_none_or(|value| fits(value, schema)))
        }),
        Some("array") => value.as_array().is_some_and(|items| {
            within(items.len(), "minItems", "maxItems") && items.iter().all(|item| fits(item, &schema["items"]))
        }),
        Some("string") => value.as_str().is_some_and(|text| {
            let allowed = schema["enum"].as_array().is_none_or(|allowed| allowed.contains(value));
            within(text.chars().count(), "minLength", "maxLength") && allowed
        }),
        Some("integer") => value.as_i64().is_some_and(|value| {
            let bound = |field: &str| schema[field].as_i64();
            bound("minimum").is_none_or(|min| value >= min) && bound("maximum").is_none_or(|max| value <= max)
        }),
        other => panic!("the schema has a type that is not restated here: {other:?}"),
    };
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    shape && rules.into_iter().all(|rule| holds(rule["rule"].as_str().unwrap_or_default(), value))
}

/// One rule; a new one has to be restated here.
fn holds(rule: &str, value: &Value) -> bool {
    let items = || value.as_array().into_iter().flatten();
    let ports = |container: &Value| container["ports"].as_array().map_or(0, Vec::len);
    match rule {
        "self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')" => {
            let text = value.as_str().unwrap_or_default().as_bytes();
            text.first().is_some_and(u8::is_ascii_lowercase)
                && text.last() != Some(&b'-')
                && text.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        }
        "self.size() == 1 || self.exists_one(c, has(c.ports) && c.ports.size() > 0)" => {
            items().count() == 1 || items().filter(|container| ports(container) > 0).count() == 1
        }
        "self.all(c, !has(c.ports) || c.ports.size() <= 1)" => items().all(|container| ports(container) <= 1),
        "self.all(c, !has(c.name) || c.name != 'queue-proxy')" => {
            items().all(|container| container["name"] != "queue-proxy")
        }
        "self.size() == 1 || self.all(c, has(c.name))" => {
            items().count() == 1 || items().all(|container| container.get("name").is_some())
        }
        "self != 8012 && self != 9091" => *value != 8012 && *value != 9091,
        _ => panic!("the schema has a rule that is not restated here: {rule}"),
    }
}
