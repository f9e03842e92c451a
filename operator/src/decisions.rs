//! `/debug/decisions` of the admin port: why the revisions of an app have as many pods as they have.
//!
//! Which revisions an app has is known to the stores, what was decided on them to the autoscaler; nothing is kept for
//! this.

use std::sync::Arc;

use api::{Revision, TodoApp};
use arc_swap::ArcSwapOption;
use http::StatusCode;
use kube::ResourceExt;
use runtime::admin::{self, Answer, Extra};
use serde_json::{Value, json};

use crate::app;
use crate::autoscaler::Autoscaler;
use crate::cluster::Stores;
use crate::store::{By, Key};

/// The path.
const PATH: &str = "/debug/decisions";

/// What a leader shows on the admin port.
pub struct Leading {
    /// Who decides.
    pub autoscaler: Autoscaler,
    /// What there is.
    pub stores: Stores,
}

/// Which app, or which of its revisions, is meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) app: Key,
    pub(crate) revision: Option<String>,
}

/// The route, which answers while this process leads.
pub fn route(leading: Arc<ArcSwapOption<Leading>>) -> Extra {
    Arc::new(move |_, path, query| {
        let answer = (path == PATH).then(|| answer(leading.load().as_deref(), query))?;
        Some(Box::pin(std::future::ready(answer)))
    })
}

fn answer(leading: Option<&Leading>, query: &str) -> Answer {
    reply(leading, PATH, query, |Leading { autoscaler, stores }, question| {
        let revisions = question.revisions(stores)?;
        Ok(question.describe(&revisions, |uid| autoscaler.decisions(uid)))
    })
}

/// Why there is no answer.
pub(crate) type Refusal = (StatusCode, String);

/// The answer to a question about an app, which only a leader has.
pub(crate) fn reply(
    leading: Option<&Leading>,
    path: &str,
    query: &str,
    answer: impl FnOnce(&Leading, &Question) -> Result<Value, Refusal>,
) -> Answer {
    let told = Question::read(path, query).and_then(|question| {
        let not_here =
            || (StatusCode::SERVICE_UNAVAILABLE, "this process does not lead: ask the one of the Lease".into());
        answer(leading.ok_or_else(not_here)?, &question)
    });
    match told {
        Ok(told) => admin::json(&told),
        Err((status, problem)) => admin::text(status, format!("{problem}\n")),
    }
}

impl Question {
    fn read(path: &str, query: &str) -> Result<Self, Refusal> {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
        };
        let needed = |name: &str| {
            value(name).ok_or_else(|| {
                let right = format!("{path}?app=NAME&namespace=NAMESPACE[&revision=NAME]");
                (StatusCode::BAD_REQUEST, format!("`{name}` is missing: {right}"))
            })
        };
        Ok(Self { app: Key::new(needed("namespace")?, needed("app")?), revision: value("revision") })
    }

    /// The app.
    pub(crate) fn app(&self, stores: &Stores) -> Result<TodoApp, Refusal> {
        let Key { namespace, name } = &self.app;
        let unknown = || format!("there is no TodoApp `{name}` in namespace `{namespace}`");
        stores.apps.get(&self.app).ok_or_else(|| (StatusCode::NOT_FOUND, unknown()))
    }

    /// The revisions asked for, the oldest first.
    pub(crate) fn revisions(&self, stores: &Stores) -> Result<Vec<Revision>, Refusal> {
        let Key { namespace, name } = &self.app;
        let uid = self.app(stores)?.uid().unwrap_or_default();
        let mut revisions = stores.revisions.by(By::Controller, &uid);
        if let Some(wanted) = &self.revision {
            revisions.retain(|revision| revision.name_any() == *wanted);
            if revisions.is_empty() {
                let unknown = format!("TodoApp `{name}` in namespace `{namespace}` has no revision `{wanted}`");
                return Err((StatusCode::NOT_FOUND, unknown));
            }
        }
        revisions.sort_by_key(|revision| (app::number(revision), revision.name_any()));
        Ok(revisions)
    }

    fn describe(&self, revisions: &[Revision], decisions: impl Fn(&str) -> Vec<Value>) -> Value {
        let describe = |revision: &Revision| {
            let uid = revision.uid().unwrap_or_default();
            json!({ "name": revision.name_any(), "uid": uid, "decisions": decisions(&uid) })
        };
        json!({
            "app": self.app.name,
            "namespace": self.app.namespace,
            "order": "the newest decision is the last",
            "revisions": revisions.iter().map(describe).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
