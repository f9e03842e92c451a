//! TodoApp → Revisions, the in-cluster Services with their EndpointSlices, and the split that activators route by.
//!
//! observe (stores) → plan (pure) → apply → status.

mod network;
mod observe;
mod snapshot;
mod status;
mod traffic;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use api::{Revision, TodoApp, labels};
use kube::api::{Api, DeleteParams, DynamicObject, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

use crate::context::{Context, Shared};
use crate::error::{Class, Error};
use network::Door;
use observe::Observed;

pub use network::claim_stated_ports;

/// Even when nothing changes, everything is looked at again after this time.
const RESYNC: Duration = Duration::from_mins(5);

/// Brings one app's objects and status to what they are to be.
pub async fn reconcile(app: Arc<TodoApp>, context: Shared) -> Result<Action, Error> {
    if app.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let observed = observe::observe(&app, &context);
    let created = match snapshot::next(&app, &observed.revisions) {
        Ok(Some(revision)) => make(&app, &revision, &context).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    let created = tolerate(created)?;
    let traffic = traffic::resolve(&app, &observed.revisions);
    let doors = doors(&app, &traffic.targets, &context)?;
    let connected = tolerate(connect(&app, &observed, &doors, &context).await)?;

    let refused = created.or(connected);
    let retry = refused.as_ref().map_or(RESYNC, |e| e.class().delay(0));
    let outcome = status::Outcome { traffic, doors, refused };
    let settle = status::write(&app, &observed, &outcome, &context).await?;
    Ok(Action::requeue(settle.unwrap_or(retry)))
}

/// What a person has to mend becomes part of the status; anything else is tried again.
fn tolerate(result: Result<(), Error>) -> Result<Option<Error>, Error> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.class() == Class::Invalid => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// The app's ways in; when no port is left, those of apps that are gone are given back first.
fn doors(app: &TodoApp, targets: &[traffic::Target], context: &Context) -> Result<Vec<Door>, Error> {
    let mut book = context.ports.lock();
    match network::doors(app, targets, &mut book) {
        Err(Error::PortsExhausted(_)) => {
            let owners: HashSet<String> =
                context.stores.apps.state().iter().flat_map(|app| network::port_owners(app)).collect();
            book.retain(|owner| owners.contains(owner));
            network::doors(app, targets, &mut book)
        }
        other => other,
    }
}

async fn make(app: &TodoApp, revision: &Revision, context: &Context) -> Result<(), Error> {
    let (name, namespace) = (revision.name_any(), revision.namespace().unwrap_or_default());
    let api: Api<Revision> = Api::namespaced(context.client.clone(), &namespace);
    // Created, never applied: a name that exists is a cache that is behind, and read again, or another app's.
    let made = api.create(&PostParams::default(), revision).await;
    made.map_err(Error::api("create", format!("Revision {namespace}/{name}"))).map_err(|error| {
        let known = context.stores.revisions.get(&ObjectRef::new(&name).within(&namespace));
        match known {
            Some(other)
                if error.code() == Some(409) && !observe::is_controlled_by(other.as_ref(), app.uid().as_deref()) =>
            {
                Error::Taken { kind: "Revision".to_owned(), name, owner: format!("TodoApp '{}'", app.name_any()) }
            }
            _ => error,
        }
    })?;
    context.metrics.writes.with_label_values(&["Revision"]).inc();
    Ok(())
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
    for service in observed.services.iter().filter(|s| !doors.iter().any(|d| d.service == s.name_any())) {
        delete(&network::service_resource(), service.as_ref(), context).await?;
    }
    for slice in observed.slices.iter().filter(|s| !doors.iter().any(|d| d.service == s.name_any())) {
        delete(&network::slice_resource(), slice.as_ref(), context).await?;
    }
    Ok(())
}

async fn delete(kind: &kube::api::ApiResource, object: &impl ResourceExt, context: &Context) -> Result<(), Error> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &namespace, kind);
    match api.delete(&name, &DeleteParams::default()).await {
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
mod tests {
    use api::{Revision, RevisionStatus, TodoApp};
    use serde_json::{Value, json};

    pub(crate) fn app(spec: Value) -> TodoApp {
        serde_json::from_value(json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
            "metadata": { "name": "shop", "namespace": "market", "uid": "app-uid", "generation": 3 },
            "spec": spec,
        }))
        .expect("an app")
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
