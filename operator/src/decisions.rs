//! `/debug/decisions` of the admin port: why the revisions of an app have as many pods as they have.
//!
//! Which revisions an app has is known to the stores, what was decided on them to the autoscaler; nothing is kept for
//! this.

use std::sync::Arc;

use api::Revision;
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

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    app: Key,
    revision: Option<String>,
}

/// The route, which answers while this process leads.
pub fn route(leading: Arc<ArcSwapOption<Leading>>) -> Extra {
    Arc::new(move |path, query| {
        let answer = (path == PATH).then(|| answer(leading.load().as_deref(), query))?;
        Some(Box::pin(std::future::ready(answer)))
    })
}

fn answer(leading: Option<&Leading>, query: &str) -> Answer {
    let told = Question::read(query).map_err(|missing| (StatusCode::BAD_REQUEST, missing)).and_then(|question| {
        let not_here =
            || (StatusCode::SERVICE_UNAVAILABLE, "this process does not lead: ask the one of the Lease".into());
        let Leading { autoscaler, stores } = leading.ok_or_else(not_here)?;
        let revisions = question.revisions(stores).map_err(|unknown| (StatusCode::NOT_FOUND, unknown))?;
        Ok(question.describe(&revisions, |uid| autoscaler.decisions(uid)))
    });
    match told {
        Ok(decisions) => admin::json(&decisions),
        Err((status, problem)) => admin::text(status, format!("{problem}\n")),
    }
}

impl Question {
    fn read(query: &str) -> Result<Self, String> {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
        };
        let needed = |name: &str| {
            value(name)
                .ok_or_else(|| format!("`{name}` is missing: {PATH}?app=NAME&namespace=NAMESPACE[&revision=NAME]"))
        };
        Ok(Self { app: Key::new(needed("namespace")?, needed("app")?), revision: value("revision") })
    }

    /// The revisions asked for, the oldest first.
    fn revisions(&self, stores: &Stores) -> Result<Vec<Revision>, String> {
        let Key { namespace, name } = &self.app;
        let app = stores.apps.get(&self.app).and_then(|app| app.uid());
        let uid = app.ok_or_else(|| format!("there is no TodoApp `{name}` in namespace `{namespace}`"))?;
        let mut revisions = stores.revisions.by(By::Controller, &uid);
        if let Some(wanted) = &self.revision {
            revisions.retain(|revision| revision.name_any() == *wanted);
            if revisions.is_empty() {
                return Err(format!("TodoApp `{name}` in namespace `{namespace}` has no revision `{wanted}`"));
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
