//! `POST /wake` of the admin port: wakes an app as one request would, and lets it sleep again as after one.
//!
//! Who may reach this port could as well send that request: nothing is to be had here that is not to be had there.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{Method, StatusCode};
use kube::ResourceExt;
use runtime::admin::{self, Answer, Extra};
use serde_json::{Value, json};

use crate::decisions::{Leading, Question, Refusal, reply};

/// The path.
const PATH: &str = "/wake";

/// The route, which answers while this process leads.
pub fn route(leading: Arc<ArcSwapOption<Leading>>) -> Extra {
    Arc::new(move |method, path, query| {
        let answer = (path == PATH).then(|| answer(leading.load().as_deref(), method, query))?;
        Some(Box::pin(std::future::ready(answer)))
    })
}

fn answer(leading: Option<&Leading>, method: &Method, query: &str) -> Answer {
    if method != Method::POST {
        return admin::text(StatusCode::METHOD_NOT_ALLOWED, format!("{PATH} must be called with POST, not {method}\n"));
    }
    reply(leading, PATH, query, wake)
}

/// The revision that is named, or else all that requests go to.
fn wake(leading: &Leading, question: &Question) -> Result<Value, Refusal> {
    let app = question.app(&leading.stores)?;
    let mut revisions = question.revisions(&leading.stores)?;
    if question.revision.is_none() {
        let traffic = app.status.iter().flat_map(|status| &status.traffic);
        let routed: Vec<_> = traffic.filter(|target| target.percent > 0).map(|target| &target.revision).collect();
        revisions.retain(|revision| routed.contains(&&revision.name_any()));
    }
    let woken = revisions.iter().filter_map(|revision| {
        let desired = leading.autoscaler.wake(&revision.uid()?)?;
        Some(json!({ "name": revision.name_any(), "desired": desired }))
    });
    let woken: Vec<Value> = woken.collect();
    if woken.is_empty() {
        let asleep = "has nothing to wake yet: no revision with a Deployment gets requests";
        return Err((StatusCode::CONFLICT, format!("TodoApp `{}` {asleep}", question.app.name)));
    }
    Ok(json!({ "app": question.app.name, "namespace": question.app.namespace, "revisions": woken }))
}

#[cfg(test)]
mod tests;
