//! Whether an app that was applied is ready (kstatus: only of its own generation), and what is said of it.

use std::time::Duration;

use api::condition::{self, READY, STALLED};
use api::rollout::Strategy;
use api::{TodoApp, TodoAppStatus};

use super::named;
use crate::{Error, release};

/// What to say of an app that is ready; the error of one that will not get ready by itself; nothing while it may.
pub fn verdict(app: &TodoApp, applied: i64) -> Option<Result<String, Error>> {
    let status = app.status.as_ref()?;
    let current = app.metadata.generation.unwrap_or_default().max(applied);
    if status.observed_generation != Some(current) {
        return None;
    }
    if let Some(stalled) = condition::find(&status.conditions, STALLED).filter(|stalled| stalled.status == "True") {
        let why = format!("{}: {}", stalled.reason, stalled.message);
        return Some(Err(Error::Failed(format!("{} cannot get ready: {why}", named(app)))));
    }
    condition::is_true(&status.conditions, READY).then(|| Ok(ready(app, status)))
}

fn ready(app: &TodoApp, status: &TodoAppStatus) -> String {
    let url = status.url.as_ref().or(status.address.as_ref().map(|address| &address.url));
    let url = url.map(|url| format!(" at {url}")).unwrap_or_default();
    let released = !matches!(app.spec.rollout.strategy.unwrap_or_default(), Strategy::Immediate);
    let release = if released { format!("; {}", release::sentence(status.rollout.as_ref())) } else { String::new() };
    format!("{} is ready{url}{release}", named(app))
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
