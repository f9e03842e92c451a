//! TodoApp → Revisions, the in-cluster Services with their EndpointSlices, and the split that activators route by.
//!
//! observe (stores) → plan (pure) → apply → status.

mod conditions;
mod hosts;
mod network;
mod observe;
mod release;
mod retention;
mod snapshot;
mod status;
mod traffic;

use std::collections::HashSet;

use api::labels::CANDIDATE_TAG;
use api::{Revision, TodoApp, labels};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::{Resource, ResourceExt};

use crate::context::{Context, Shared};
use crate::controllers::Next;
use crate::error::{Class, Error};
use crate::store::Key;
use network::Door;
use observe::Observed;
pub use observe::number;
pub use retention::in_use;

pub use hosts::known as known_hosts;
pub use network::stated_ports;

/// Brings one app's objects and status to what they are to be.
pub async fn reconcile(app: TodoApp, context: Shared) -> Result<Next, Error> {
    if app.meta().deletion_timestamp.is_some() {
        return Ok(Next::Change);
    }
    hosts::note(&Key::of(app.meta()), &context).await;
    let mut observed = observe::observe(&app, &context.stores);
    let created = match snapshot::next(&app, &observed.revisions) {
        // No status may speak of this spec as if the revision before were meant.
        Ok(Some(revision)) => make(&app, &revision, &context).await.map(|made| observed.add(made)),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    let created = tolerate(created)?;
    let (release, traffic) = route(&app, &observed, &context).await;
    let doors = doors(&app, &traffic.targets, &context)?;
    let connected = tolerate(connect(&app, &observed, &doors, &context).await)?;

    let refused = created.or(connected);
    let retry = refused.as_ref().map(|e| e.class().delay(0));
    let again = release.again;
    let names = hosts::names(&app, &traffic.targets, &context);
    let outcome = status::Outcome { traffic, release, doors, names, refused };
    let settle = status::write(&app, &observed, &outcome, &context).await?;
    retention::collect(&app, &observed.revisions, &outcome.traffic.targets, &context).await?;
    Ok([settle, retry, again].into_iter().flatten().min().map_or(Next::Change, Next::After))
}

/// Where the release stands, and the split that follows.
async fn route(app: &TodoApp, observed: &Observed, context: &Context) -> (rollout::Outcome, traffic::Resolved) {
    let release = release::advance(app, observed, context).await;
    let mut traffic = traffic::resolve(app, &observed.revisions, &release.status);
    if rollout::is_live(&release.status) && candidate_may_be_tagged(app, context) {
        traffic::tag_candidate(&mut traffic.targets, &release.status);
    }
    (release, traffic)
}

/// What is left to do for an app that is gone: its hosts are free.
pub async fn gone(key: Key, context: Shared) {
    hosts::note(&key, &context).await;
}

/// What a person has to mend becomes part of the status; anything else is tried again.
fn tolerate(result: Result<(), Error>) -> Result<Option<Error>, Error> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.class() == Class::Invalid => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// The name of the candidate's Service is nobody else's: neither an object's nor a coming app's.
fn candidate_may_be_tagged(app: &TodoApp, context: &Context) -> bool {
    let service = network::tag_service(CANDIDATE_TAG, &app.name_any());
    let key = Key::new(app.namespace().unwrap_or_default(), service);
    let owner = context.stores.services.get(&key).map(|s| s["metadata"]["labels"][labels::APP] == app.name_any());
    owner.unwrap_or_else(|| context.stores.apps.get(&key).is_none())
}

/// The app's ways in; when no port is left, those of apps that are gone are given back first.
fn doors(app: &TodoApp, targets: &[traffic::Target], context: &Context) -> Result<Vec<Door>, Error> {
    let mut book = context.ports.lock();
    match network::doors(app, targets, &mut book) {
        Err(Error::PortsExhausted(_)) => {
            let owners: HashSet<String> =
                context.stores.apps.all().flat_map(|app| stated_ports(&app)).map(|(owner, _)| owner).collect();
            book.retain(|owner| owners.contains(owner));
            network::doors(app, targets, &mut book)
        }
        other => other,
    }
}

async fn make(app: &TodoApp, revision: &Revision, context: &Context) -> Result<Revision, Error> {
    let (name, namespace) = (revision.name_any(), revision.namespace().unwrap_or_default());
    let api: Api<Revision> = Api::namespaced(context.client.clone(), &namespace);
    // Created, never applied: a name that exists is a cache that is behind, and read again, or another app's.
    let made = api.create(&PostParams::default(), revision).await;
    let made = made.map_err(Error::api("create", format!("Revision {namespace}/{name}"))).map_err(|error| {
        let known = context.stores.revisions.get(&Key::new(&namespace, &name));
        match known {
            Some(other) if error.code() == Some(409) && !observe::is_controlled_by(&other, app.uid().as_deref()) => {
                Error::Taken { kind: "Revision".to_owned(), name, owner: format!("TodoApp '{}'", app.name_any()) }
            }
            _ => error,
        }
    })?;
    context.metrics.writes.with_label_values(&["Revision"]).inc();
    Ok(made)
}

/// Services and EndpointSlices of the app and its tags: those wanted are applied, those of tags gone are deleted.
async fn connect(app: &TodoApp, observed: &Observed, doors: &[Door], context: &Context) -> Result<(), Error> {
    for door in doors {
        let service = network::service(app, door)?;
        context.ensure(service, observed.service(&door.service)).await?;
        if let Some(slice) = network::slice(app, door, &observed.activators)? {
            context.ensure(slice, observed.slice(&door.service)).await?;
        }
    }
    let namespace = app.namespace().unwrap_or_default();
    let wanted = |name: &str| doors.iter().any(|door| door.service == name);
    for name in observed.services().filter(|name| !wanted(name)) {
        delete(&network::service_resource(), &namespace, name, context).await?;
    }
    for name in observed.slices().filter(|name| !wanted(name)) {
        delete(&network::slice_resource(), &namespace, name, context).await?;
    }
    Ok(())
}

async fn delete(kind: &ApiResource, namespace: &str, name: &str, context: &Context) -> Result<(), Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, kind);
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(Error::api("delete", format!("{} {namespace}/{name}", kind.kind))(error)),
    }
}

/// `metadata` of an object that an app controls.
fn metadata(app: &TodoApp, name: &str) -> Result<serde_json::Value, Error> {
    let owner = app
        .controller_owner_ref(&())
        .ok_or_else(|| Error::Invalid(format!("TodoApp '{}' has no UID", app.name_any())))?;
    Ok(serde_json::json!({
        "name": name,
        "namespace": app.namespace().unwrap_or_default(),
        "labels": { labels::APP: app.name_any() },
        "ownerReferences": [owner],
    }))
}

#[cfg(test)]
mod situations;

#[cfg(test)]
pub(crate) mod tests {
    use api::{Revision, RevisionStatus, TodoApp};
    use kube::ResourceExt;
    use serde_json::{Value, json};

    pub(crate) fn app(spec: Value) -> TodoApp {
        serde_json::from_value(json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
            "metadata": { "name": "shop", "namespace": "market", "uid": "app-uid", "generation": 3 },
            "spec": spec,
        }))
        .expect("an app")
    }

    /// The revision that is made of an app that has none.
    pub(crate) fn next(app: &TodoApp) -> Revision {
        super::snapshot::next(app, &[]).expect("valid").expect("the first")
    }

    /// What is applied for an app without tags.
    pub(crate) fn planned(app: &TodoApp, port: u16) -> Vec<Value> {
        let door = super::Door { tag: None, service: app.name_any(), port };
        let activators = ["10.42.0.8", "10.42.0.9"].map(|a| a.parse().expect("an address"));
        let service = super::network::service(app, &door).expect("valid");
        let slice = super::network::slice(app, &door, &activators).expect("valid").expect("activators");
        vec![service.body, slice.body]
    }

    pub(crate) fn template() -> Value {
        json!({ "spec": { "containers": [{ "image": "i:1" }] } })
    }

    pub(crate) fn revision(name: &str, number: u32, was_ready: bool) -> Revision {
        let mut revision: Revision = serde_json::from_value(json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
            "metadata": { "name": name, "namespace": "market", "uid": format!("uid-{name}"),
                "labels": { "todoapp.dev/app": "shop", "todoapp.dev/number": number.to_string() },
                "ownerReferences": [{ "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp", "name": "shop", "uid": "app-uid", "controller": true }] },
            "spec": { "template": template() },
        }))
        .expect("a revision");
        revision.status = Some(RevisionStatus { was_ready, ..Default::default() });
        revision
    }
}
