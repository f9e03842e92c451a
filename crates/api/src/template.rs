//! The pod template: kept as the user wrote it, with a typed view of the few fields that we read.
//!
//! Opaque on purpose: a typed `PodSpec` would drop fields that this build does not know and make a CRD of 300 kB.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::labels::{APP_PORT_DEFAULT, SIDECAR_CONTAINER};

/// A pod template (`metadata`, `spec`), as written; kept as its JSON text with sorted keys, a tenth of a tree of maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Box<str>);

impl From<Map<String, Value>> for Template {
    fn from(fields: Map<String, Value>) -> Self {
        Self(Value::Object(fields).to_string().into())
    }
}

impl Default for Template {
    fn default() -> Self {
        Map::new().into()
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fields().serialize(serializer)
    }
}

/// The port on which the app listens, and how it speaks there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppPort {
    /// TCP port in the pod.
    pub number: u16,
    /// HTTP/2 by prior knowledge (port name `h2c` or appProtocol `kubernetes.io/h2c`); otherwise HTTP/1.1.
    pub h2c: bool,
}

impl Template {
    /// `metadata` and `spec`.
    pub fn fields(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The Revision name that the user chose.
    pub fn revision_name(&self) -> Option<String> {
        let fields = self.fields();
        fields.get("metadata")?.get("name")?.as_str().filter(|n| !n.is_empty()).map(str::to_owned)
    }

    /// Labels or annotations to put on pods.
    pub fn metadata(&self, field: &str) -> Map<String, Value> {
        let found = self.fields().get("metadata").and_then(|m| m.get(field)).and_then(Value::as_object).cloned();
        found.unwrap_or_default()
    }

    /// The pod's spec.
    pub fn spec(&self) -> Option<Map<String, Value>> {
        match self.fields().remove("spec") {
            Some(Value::Object(spec)) => Some(spec),
            _ => None,
        }
    }

    fn containers(&self) -> Vec<Value> {
        match self.spec().and_then(|mut spec| spec.remove("containers")) {
            Some(Value::Array(containers)) => containers,
            _ => Vec::new(),
        }
    }

    /// Which of the containers is the app: the one that declares a port, or else the first.
    pub fn app_index(&self) -> usize {
        self.containers().iter().position(|c| ports(c).next().is_some()).unwrap_or(0)
    }

    /// Where the app listens.
    pub fn app_port(&self) -> AppPort {
        let containers = self.containers();
        let port = containers.iter().find_map(|c| ports(c).next());
        let text = |field| port.and_then(|p| p.get(field)).and_then(Value::as_str);
        AppPort {
            number: port
                .and_then(|p| p.get("containerPort")?.as_u64())
                .and_then(|n| u16::try_from(n).ok())
                .unwrap_or(APP_PORT_DEFAULT),
            h2c: text("name") == Some("h2c") || text("appProtocol") == Some("kubernetes.io/h2c"),
        }
    }
}

fn ports(container: &Value) -> impl Iterator<Item = &Value> {
    container.get("ports").and_then(Value::as_array).into_iter().flatten()
}

impl JsonSchema for Template {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Template".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "required": ["spec"],
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "metadata": {
                    "type": "object",
                    "description": "Name of the Revision (optional), labels and annotations of its pods.",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": { "name": {
                        "type": "string", "maxLength": 63,
                        "x-kubernetes-validations": [{
                            "rule": "self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                            "message": "must start with a letter and consist of 'a' to 'z', '0' to '9' and '-'"
                        }]
                    } }
                },
                "spec": {
                    "type": "object",
                    "description": "An ordinary pod spec; kept as it is, also fields that this version does not know.",
                    "required": ["containers"],
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": { "containers": containers_schema() }
                }
            }
        })
    }
}

fn containers_schema() -> Value {
    serde_json::json!({
        "type": "array",
        "description": "The containers. The app is the one that declares a port; if none does, the only one, on port 8080.",
        "minItems": 1,
        "maxItems": 16,
        "x-kubernetes-validations": [
            {
                "rule": "self.size() == 1 || self.exists_one(c, has(c.ports) && c.ports.size() > 0)",
                "message": "exactly one container must declare a port: it is the app that requests go to"
            },
            {
                "rule": "self.all(c, !has(c.ports) || c.ports.size() <= 1)",
                "message": "the app's container must declare one port: the one that requests go to"
            },
            {
                "rule": format!("self.all(c, !has(c.name) || c.name != '{SIDECAR_CONTAINER}')"),
                "message": format!("container name '{SIDECAR_CONTAINER}' is taken by the sidecar")
            },
            {
                "rule": "self.size() == 1 || self.all(c, has(c.name))",
                "message": "each container must have a `name` when there are several"
            }
        ],
        "items": {
            "type": "object",
            "required": ["image"],
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "name": { "type": "string", "maxLength": 63 },
                "image": { "type": "string", "minLength": 1, "maxLength": 1024 },
                "ports": {
                    "type": "array",
                    "maxItems": 8,
                    "items": {
                        "type": "object",
                        "required": ["containerPort"],
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {
                            "name": { "type": "string", "maxLength": 15 },
                            "protocol": { "type": "string", "enum": ["TCP"] },
                            "containerPort": {
                                "type": "integer", "minimum": 1, "maximum": 65535,
                                "x-kubernetes-validations": [{
                                    "rule": "self != 8012 && self != 9091",
                                    "message": "ports 8012 and 9091 are taken by the sidecar"
                                }]
                            }
                        }
                    }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(value: Value) -> Template {
        serde_json::from_value(value).expect("a template")
    }

    #[test]
    fn what_was_written_comes_back_whatever_the_order_of_its_keys() {
        let value = json!({ "spec": { "futureField": { "b": 1, "a": [true] }, "containers": [{ "image": "i" }] } });
        let reordered: Template =
            serde_json::from_str(r#"{"spec":{"containers":[{"image":"i"}],"futureField":{"a":[true],"b":1}}}"#)
                .expect("a template");
        assert_eq!(template(value.clone()), reordered);
        assert_eq!(serde_json::to_value(reordered).expect("JSON"), value);
    }

    #[test]
    fn the_app_is_the_container_that_declares_a_port() {
        let with = |port: Value| {
            template(json!({ "spec": { "containers": [{ "image": "log" }, { "image": "i", "ports": [port] }] } }))
        };
        let plain = with(json!({ "containerPort": 3002 }));
        assert_eq!((plain.app_index(), plain.app_port()), (1, AppPort { number: 3002, h2c: false }));
        assert!(with(json!({ "containerPort": 1, "name": "h2c" })).app_port().h2c);
        assert!(with(json!({ "containerPort": 1, "appProtocol": "kubernetes.io/h2c" })).app_port().h2c);
        let silent = template(json!({ "spec": { "containers": [{ "image": "i" }] } }));
        assert_eq!((silent.app_index(), silent.app_port().number), (0, APP_PORT_DEFAULT));
    }

    #[test]
    fn an_empty_name_is_no_name() {
        let named = |name: &str| template(json!({ "metadata": { "name": name }, "spec": {} })).revision_name();
        assert_eq!(named("user-v2").as_deref(), Some("user-v2"));
        assert_eq!(named(""), None);
    }
}
