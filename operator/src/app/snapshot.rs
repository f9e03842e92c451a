//! Whether the app's template needs a Revision of its own, and which name it gets.

use api::{Revision, RevisionSpec, TodoApp, labels};
use kube::{Resource, ResourceExt};

use super::observe::number;
use crate::error::Error;

/// The Revision to create, if none of the app's is what it asks for. `revisions`: the app's own, oldest first.
pub fn next(app: &TodoApp, revisions: &[Revision]) -> Result<Option<Revision>, Error> {
    let chosen = app.spec.template.revision_name();
    if let Some(chosen) = &chosen
        && let Some(known) = revisions.iter().find(|r| r.name_any() == *chosen)
    {
        return if is_asked_for(app, known) { Ok(None) } else { Err(name_taken(chosen)) };
    }
    // Also an older one: going back to what an app once was builds nothing.
    if revisions.iter().any(|r| is_asked_for(app, r)) {
        return Ok(None);
    }
    let count = revisions.last().map_or(0, number) + 1;
    let name = chosen.unwrap_or_else(|| format!("{}-{count:05}", app.name_any()));
    let mut revision = Revision::new(&name, wanted(app));
    revision.metadata.namespace = app.namespace();
    revision.metadata.labels =
        Some([(labels::APP.to_owned(), app.name_any()), (labels::NUMBER.to_owned(), count.to_string())].into());
    revision.metadata.owner_references = Some(app.controller_owner_ref(&()).into_iter().collect());
    Ok(Some(revision))
}

fn name_taken(name: &str) -> Error {
    Error::Invalid(format!(
        "`spec.template.metadata.name` '{name}' is the name of a Revision with another content: choose a new name, or \
         restore that content"
    ))
}

pub(super) fn wanted(app: &TodoApp) -> RevisionSpec {
    RevisionSpec {
        template: app.spec.template.clone(),
        concurrency_limit: app.spec.concurrency_limit,
        timeouts: app.spec.timeouts.clone(),
        initializer: app.spec.initializer.clone(),
        recycle_after: app.spec.recycle_after.clone(),
    }
}

/// Whether a revision is [`wanted`]; asked often, so nothing is copied for it.
fn is_asked_for(app: &TodoApp, revision: &Revision) -> bool {
    let RevisionSpec { template, concurrency_limit, timeouts, initializer, recycle_after } = &revision.spec;
    let spec = &app.spec;
    (template, concurrency_limit, timeouts) == (&spec.template, &spec.concurrency_limit, &spec.timeouts)
        && (initializer, recycle_after) == (&spec.initializer, &spec.recycle_after)
}

/// The revision that the app's spec stands for now.
pub fn latest_created<'a>(app: &TodoApp, revisions: &'a [Revision]) -> Option<&'a Revision> {
    let chosen = app.spec.template.revision_name();
    let named = || revisions.iter().find(|r| Some(r.name_any()) == chosen);
    let same = || revisions.iter().rev().find(|r| is_asked_for(app, r));
    named().or_else(same).or(revisions.last())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::tests::{app, revision, template};

    #[test]
    fn the_first_revision_is_number_one() {
        let made = next(&app(json!({ "template": template() })), &[]).expect("valid").expect("a revision");
        assert_eq!(made.name_any(), "shop-00001");
        assert_eq!(made.labels()[labels::APP], "shop");
        assert_eq!(made.owner_references()[0].uid, "app-uid");
    }

    #[test]
    fn scaling_traffic_and_ingress_make_no_revision() {
        let revisions = [revision("shop-00001", 1, true)];
        let changed =
            app(json!({ "template": template(), "scaling": { "max": 3 }, "ingress": { "visibility": "Cluster" },
            "traffic": [{ "latest": true, "percent": 100 }] }));
        assert!(next(&changed, &revisions).expect("valid").is_none());
    }

    #[test]
    fn template_limit_and_timeouts_do() {
        let revisions = [revision("shop-00001", 1, true)];
        for spec in [
            json!({ "template": { "spec": { "containers": [{ "image": "i:2" }] } } }),
            json!({ "template": template(), "concurrencyLimit": 1 }),
            json!({ "template": template(), "timeouts": { "request": "10s" } }),
            json!({ "template": template(), "timeouts": { "responseStart": "10s" } }),
            json!({ "template": template(), "timeouts": { "idle": "10s" } }),
        ] {
            let made = next(&app(spec), &revisions).expect("valid").expect("a revision");
            assert_eq!(made.name_any(), "shop-00002");
        }
    }

    #[test]
    fn what_an_app_once_was_is_not_made_again() {
        let mut revisions = [revision("shop-00001", 1, true), revision("shop-00002", 2, true)];
        revisions[1].spec.concurrency_limit = 5;
        let back = app(json!({ "template": template() }));
        assert!(next(&back, &revisions).expect("valid").is_none());
        assert_eq!(latest_created(&back, &revisions).map(ResourceExt::name_any).as_deref(), Some("shop-00001"));
        let other = app(json!({ "template": template(), "concurrencyLimit": 6 }));
        assert_eq!(next(&other, &revisions).expect("valid").map(|r| r.name_any()).as_deref(), Some("shop-00003"));
    }

    #[test]
    fn a_chosen_name_is_used_once() {
        let named = json!({ "metadata": { "name": "shop-blue" }, "spec": { "containers": [{ "image": "i:2" }] } });
        let made = next(&app(json!({ "template": named })), &[]).expect("valid").expect("a revision");
        assert_eq!(made.name_any(), "shop-blue");
        let taken = [revision("shop-blue", 1, true)];
        let error = next(&app(json!({ "template": named })), &taken).expect_err("another content");
        assert!(error.to_string().contains("'shop-blue'"), "{error}");
    }
}
