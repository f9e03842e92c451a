//! An object as a watch hands it over: what it is called, and its text, in which nothing that this build does not know
//! is lost.

use std::borrow::Cow;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Annotation with the whole object once more, for `kubectl apply` alone.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object of kind `K`.
#[derive(Debug, Clone)]
pub struct Watched<K> {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// The whole of it as JSON, fields sorted.
    pub text: String,
    kind: PhantomData<fn() -> K>,
}

impl<'de, K> Deserialize<'de> for Watched<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            strip(metadata);
        }
        let metadata = ObjectMeta::deserialize(&value["metadata"]).map_err(serde::de::Error::custom)?;
        Ok(Self { metadata, text: value.to_string(), kind: PhantomData })
    }
}

/// Of no use here, and half of an object's size: who wrote which field, and what kubectl applied last.
fn strip(metadata: &mut Map<String, Value>) {
    metadata.remove("managedFields");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
}

impl<K: Resource<DynamicType = ()>> Resource for Watched<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use kube::ResourceExt;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_this_build_does_not_know_is_kept_and_who_wrote_it_is_not() {
        let whole = json!({ "metadata": { "name": "d", "annotations": { LAST_APPLIED: "{}", "a": "b" }, "managedFields": [{}] },
            "spec": { "futureField": [1] } });
        let watched: Watched<Deployment> = serde_json::from_value(whole).expect("an object");
        assert_eq!(watched.name_any(), "d");
        let kept: Value = serde_json::from_str(&watched.text).expect("JSON");
        let expected =
            json!({ "metadata": { "name": "d", "annotations": { "a": "b" } }, "spec": { "futureField": [1] } });
        assert_eq!(kept, expected);
        assert_eq!(Watched::<Deployment>::kind(&()), "Deployment");
    }
}
