//! An object of the cluster kept as its text: a tenth of what it takes as a tree of maps, and nothing that this build
//! does not know is lost. Parsed again whenever it is looked at, which is at its own changes.

use std::borrow::Cow;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object of kind `K`.
#[derive(Debug, Clone)]
pub struct Compact<K> {
    metadata: ObjectMeta,
    text: Box<str>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Compact<K> {
    /// The whole object.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl<'de, K> Deserialize<'de> for Compact<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            // Who wrote which field is of no use here and half of an object's size.
            metadata.remove("managedFields");
        }
        let metadata = ObjectMeta::deserialize(&value["metadata"]).map_err(serde::de::Error::custom)?;
        Ok(Self { metadata, text: value.to_string().into(), kind: PhantomData })
    }
}

impl<K: Resource<DynamicType = ()>> Resource for Compact<K> {
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
        let whole = json!({ "metadata": { "name": "d", "managedFields": [{}] }, "spec": { "futureField": [1] } });
        let compact: Compact<Deployment> = serde_json::from_value(whole).expect("an object");
        assert_eq!(compact.name_any(), "d");
        assert_eq!(compact.json(), json!({ "metadata": { "name": "d" }, "spec": { "futureField": [1] } }));
        assert_eq!(Compact::<Deployment>::kind(&()), "Deployment");
    }
}
