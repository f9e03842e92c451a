//! The pod of a revision: the user's template as written, with the queue-proxy woven in.
//!
//! What makes a start slow stays out: no volume is added, no service-account token is mounted unless asked for, no
//! environment of other Services (a kubelet waits for volumes in steps of 300 ms).

mod app;
mod clashes;
mod sidecar;
#[cfg(test)]
mod tests;

use api::labels::{APP, REVISION, REVISION_UID};
use api::{Revision, Template};
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::error::Error;

/// Name given to an only container that has none.
const APP_CONTAINER: &str = "app";
/// Between the longest request and the kill: time to hand the last answer over.
const KILL_MARGIN_SECONDS: u64 = 5;

/// The pod template of the Deployment.
pub fn weave(revision: &Revision, args: &Args) -> Result<Value, Error> {
    let template = &revision.spec.template;
    let mut spec = template.spec().ok_or_else(|| missing("spec.template.spec"))?;
    spec.retain(|_, value| !value.is_null());
    spec.values_mut().for_each(without_nulls);
    let containers = spec.get_mut("containers").and_then(Value::as_array_mut).ok_or_else(|| missing("containers"))?;
    let app = containers
        .get_mut(template.app_index())
        .and_then(Value::as_object_mut)
        .ok_or_else(|| missing("containers[0]"))?;
    let readiness = app::prepare(app, revision)?;
    containers.push(sidecar::container(revision, args, &readiness));
    clashes::none(&spec)?;
    for list in ["initContainers", "containers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        containers.filter_map(Value::as_object_mut).for_each(|container| complete(container, revision));
    }

    let grace =
        revision.spec.timeouts.request().as_secs() + sidecar::linger(revision).unwrap_or(0) + KILL_MARGIN_SECONDS;
    spec.entry("automountServiceAccountToken").or_insert(json!(false));
    spec.entry("enableServiceLinks").or_insert(json!(false));
    spec.entry("terminationGracePeriodSeconds").or_insert(json!(grace));
    Ok(json!({ "metadata": metadata(revision, template)?, "spec": spec }))
}

/// To Kubernetes a field that is null is one that is not there: `env:` with nothing behind it.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Gives a container its image by digest, and the last lines of its log to the kubelet when it fails.
fn complete(container: &mut Map<String, Value>, revision: &Revision) {
    let images = revision.status.iter().flat_map(|status| &status.images);
    let resolved = images.into_iter().find(|image| container.get("name").is_some_and(|name| *name == image.container));
    if let Some(resolved) = resolved {
        container.insert("image".to_owned(), resolved.image.clone().into());
    }
    container.entry("terminationMessagePolicy").or_insert(json!("FallbackToLogsOnError"));
}

/// Name of a container of the template; an only one may have none.
pub fn container_name(container: &Value) -> &str {
    container["name"].as_str().unwrap_or(APP_CONTAINER)
}

fn missing(field: &str) -> Error {
    Error::Invalid(format!("`{field}` of the template is missing"))
}

fn wrong(field: &str, value: &Value, right: &str) -> Error {
    Error::Invalid(format!("`{field}` of the template is {value}: must be {right}"))
}

fn metadata(revision: &Revision, template: &Template) -> Result<Value, Error> {
    let fields = template.fields();
    let own = |field: &str| match fields.get("metadata").and_then(|metadata| metadata.get(field)) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(own)) => Ok(own.clone()),
        Some(other) => Err(wrong(&format!("metadata.{field}"), other, "a map")),
    };
    let mut labels = own("labels")?;
    labels.insert(APP.to_owned(), revision.labels().get(APP).cloned().unwrap_or_default().into());
    labels.insert(REVISION.to_owned(), revision.name_any().into());
    labels.insert(REVISION_UID.to_owned(), revision.uid().unwrap_or_default().into());
    Ok(json!({ "labels": labels, "annotations": own("annotations")? }))
}
