//! Whether an app that was applied is ready (kstatus: only of its own generation), and what is said of it.

use std::time::Duration;

use api::TodoApp;
use api::condition::{self, READY, STALLED};
use api::rollout::Strategy;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::named;
use crate::{Error, release};

/// The app once it is ready; the error of one that will not get ready by itself; nothing while it may.
pub fn verdict(app: &TodoApp, applied: i64) -> Option<Result<TodoApp, Error>> {
    let status = app.status.as_ref()?;
    let current = app.metadata.generation.unwrap_or_default().max(applied);
    if status.observed_generation != Some(current) {
        return None;
    }
    if let Some(stalled) = condition::find(&status.conditions, STALLED).filter(|stalled| stalled.status == "True") {
        let why = format!("{}: {}", stalled.reason, stalled.message);
        return Some(Err(Error::Failed(format!("{} cannot get ready: {why}", named(app)))));
    }
    condition::is_true(&status.conditions, READY).then(|| Ok(app.clone()))
}

/// What is said of an app that is ready; of one whose releases take their time also where that stands.
pub fn ready(app: &TodoApp) -> String {
    let status = app.status.clone().unwrap_or_default();
    let url = status.url.or(status.address.map(|address| address.url));
    let url = url.map(|url| format!(" at {url}")).unwrap_or_default();
    let released = app.spec.rollout.strategy.unwrap_or_default() != Strategy::Immediate;
    let release = if released { format!("; {}", release::sentence(status.rollout.as_ref())) } else { String::new() };
    format!("{} is ready{url}{release}", named(app))
}

/// The same for programs.
pub fn told(app: &TodoApp) -> Value {
    let status = app.status.clone().unwrap_or_default();
    json!({ "ready": app.name_any(), "namespace": app.namespace(), "url": status.url, "rollout": status.rollout })
}

/// What is said when the time is over.
pub fn late(name: &str, waited: Duration, last: Option<&TodoApp>) -> String {
    let not = format!("TodoApp `{name}` is not ready within {waited:?}");
    let Some(app) = last else { return format!("{not}: nothing was heard of it") };
    let status = app.status.clone().unwrap_or_default();
    if status.observed_generation != app.metadata.generation {
        return format!("{not}: the operator has not looked at it; `todoapp check` tells whether one leads");
    }
    let ready = condition::find(&status.conditions, READY);
    ready.map_or(not.clone(), |ready| format!("{not}: {}: {}", ready.reason, ready.message))
}
