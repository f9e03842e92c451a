//! What the app's own container gets: its name, its environment, and a preStop that waits for its last request.

use api::Revision;
use api::labels::{APP, SIDECAR_ADMIN_PORT};
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use super::super::probe;
use super::{APP_CONTAINER, wrong};
use crate::error::Error;

/// Gives the app its environment and its preStop, takes over its readiness probe and returns that.
pub fn prepare(app: &mut Map<String, Value>, revision: &Revision) -> Result<Value, Error> {
    app.entry("name").or_insert(json!(APP_CONTAINER));
    let app_name = revision.labels().get(APP).cloned().unwrap_or_default();
    let port = revision.spec.template.app_port().number.to_string();
    let revision_name = revision.name_any();
    let field = |name: &str| format!("containers[{}].{name}", revision.spec.template.app_index());
    // Knative's runtime contract.
    let given =
        [("PORT", &port), ("K_SERVICE", &app_name), ("K_CONFIGURATION", &app_name), ("K_REVISION", &revision_name)];
    match app.entry("env").or_insert(json!([])) {
        Value::Array(env) => {
            for (name, value) in given {
                if !env.iter().any(|e| e["name"] == name) {
                    env.push(json!({ "name": name, "value": value }));
                }
            }
        }
        other => return Err(wrong(&field("env"), other, "a list")),
    }
    // The app gets SIGTERM when its last request is answered; a preStop of the user's own stays.
    match app.entry("lifecycle").or_insert(json!({})) {
        Value::Object(lifecycle) => {
            let drain = || json!({ "httpGet": { "path": "/drain", "port": SIDECAR_ADMIN_PORT } });
            lifecycle.entry("preStop").or_insert_with(drain);
        }
        other => return Err(wrong(&field("lifecycle"), other, "a map")),
    }
    Ok(probe::take(app))
}
