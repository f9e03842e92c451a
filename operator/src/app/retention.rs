//! Which of an app's revisions are in use, and the end of those that `policy::Retention` does not keep. What a revision
//! controls (Deployment, Services, Secret) goes with it, by its owner references.

use api::{Revision, TodoApp, labels};
use kube::api::{Api, DeleteParams, Preconditions};
use kube::{Resource, ResourceExt};
use policy::Version;

use super::snapshot::latest_created;
use super::traffic::{Target, latest_ready};
use crate::context::Context;
use crate::error::Error;
use crate::events::Note;
use crate::store::Key;

/// Most revisions that go at one look; each brings the next look about.
const AT_ONCE: usize = 16;

/// Whether something may send requests there, or fall back to it: a share or tag of the split as it is or as it is asked
/// for, a release, or that it is the latest.
pub fn in_use(app: &TodoApp, revision: &str) -> bool {
    let status = app.status.iter();
    let routed =
        status.clone().flat_map(|s| &s.traffic).filter(|t| t.percent > 0 || t.tag.is_some()).map(|t| &t.revision);
    let asked = app.spec.traffic.iter().filter_map(|target| target.revision.as_ref());
    let latest = status.clone().flat_map(|s| s.latest_created_revision.iter().chain(&s.latest_ready_revision));
    let released = status.filter_map(|s| s.rollout.as_ref()).flat_map(|r| r.stable.iter().chain(&r.candidate));
    let chosen = app.spec.template.revision_name();
    routed.chain(asked).chain(latest).chain(released).chain(&chosen).any(|name| name == revision)
}

/// Deletes what is not to be kept, and has those looked at again whose status does not say yet whether they are in use.
pub async fn collect(
    app: &TodoApp,
    revisions: &[Revision],
    targets: &[Target],
    context: &Context,
) -> Result<(), Error> {
    for revision in revisions.iter().filter(|revision| is_noted_wrongly(app, revision)) {
        // Gone only when the process ends.
        let _ = context.revisions_again.send(Key::of(revision.meta())).await;
    }
    let versions = versions(app, revisions, targets);
    let retention = context.settings.borrow().retention.clone();
    for name in retention.surplus(&versions, context.clock.now()).into_iter().take(AT_ONCE) {
        if let Some(revision) = revisions.iter().find(|revision| revision.name_any() == name) {
            delete(app, revision, context).await?;
        }
    }
    Ok(())
}

/// One that is new is left out, as where it is noted.
fn is_noted_wrongly(app: &TodoApp, revision: &Revision) -> bool {
    let Some(status) = revision.status.as_ref().filter(|status| !status.conditions.is_empty()) else { return false };
    in_use(app, &revision.name_any()) == status.unrouted_since.is_some()
}

/// What is decided by, of those that are not being deleted already.
fn versions(app: &TodoApp, revisions: &[Revision], targets: &[Target]) -> Vec<Version> {
    let latest = [latest_created(app, revisions), latest_ready(app, revisions)];
    let alive = revisions.iter().filter(|revision| revision.meta().deletion_timestamp.is_none());
    let version = |revision: &Revision| {
        let name = revision.name_any();
        let protected = in_use(app, &name)
            || latest.iter().flatten().any(|latest| latest.name_any() == name)
            || targets.iter().any(|target| target.revision == name)
            || revision.annotations().get(labels::PINNED).is_some_and(|pinned| pinned == "true");
        let unrouted_since = revision.status.as_ref().and_then(|status| status.unrouted_since.as_ref());
        Some(Version {
            created: revision.creation_timestamp()?.0,
            unrouted_since: unrouted_since.map(|since| since.0),
            protected,
            name,
        })
    };
    alive.filter_map(version).collect()
}

/// Of exactly this object: another of its name is another version.
async fn delete(app: &TodoApp, revision: &Revision, context: &Context) -> Result<(), Error> {
    let (name, namespace) = (revision.name_any(), revision.namespace().unwrap_or_default());
    let preconditions = Preconditions { uid: revision.uid(), resource_version: None };
    let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
    let api: Api<Revision> = Api::namespaced(context.client.clone(), &namespace);
    match api.delete(&name, &parameters).await {
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        deleted => deleted.map_err(Error::api("delete", format!("Revision {namespace}/{name}")))?,
    };
    context.metrics.writes.with_label_values(&["Revision"]).inc();
    let since = revision.status.as_ref().and_then(|status| status.unrouted_since.as_ref());
    let since = since.map_or_else(|| "now".to_owned(), |since| since.0.to_string());
    let note = Note::normal("RevisionCollected", format!("revision '{name}', not in use since {since}"));
    context.reporter.publish(&app.object_ref(&()), vec![note]).await;
    Ok(())
}

#[cfg(test)]
mod tests;
