//! Secrets that a container's environment names: without them it cannot be made.

use serde_json::Value;

use crate::api_server::Local;

/// What is missing, in the kubelet's words.
pub fn missing(local: &Local, pod: &Value, container: &Value) -> Option<String> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    container["env"].as_array()?.iter().find_map(|variable| {
        let wanted = &variable["valueFrom"]["secretKeyRef"];
        let (name, key) = (wanted["name"].as_str()?, wanted["key"].as_str()?);
        let found = local.get(("v1", "Secret"), namespace, name);
        match found {
            _ if wanted["optional"] == true => None,
            None => Some(format!("secret \"{name}\" not found")),
            Some(secret) if secret["data"].get(key).is_none() => {
                Some(format!("couldn't find key {key} in Secret {namespace}/{name}"))
            }
            Some(_) => None,
        }
    })
}
