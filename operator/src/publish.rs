//! Writes the status of an object, and the Events that tell of the change.

use std::fmt::Debug;
use std::time::Duration;

use api::labels::MANAGER;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use crate::context::Context;
use crate::controllers;
use crate::error::Error;
use crate::events::Note;

/// A figure that changes is written this long after it began to differ: never on the way of a request that waits,
/// and at most once a second.
const SETTLE: Duration = Duration::from_secs(1);

/// What a status becomes.
pub struct Change<S> {
    /// The whole of it; `None` when it is as it was.
    pub new: Option<S>,
    /// More than figures that come and go.
    pub lasting: bool,
    /// What to tell.
    pub notes: Vec<Note>,
    /// To be written only on what was read: a conflict otherwise, after which it is read again.
    pub unless_changed: bool,
}

/// Writes what differs; returns after which time to come again, when figures have yet to settle.
pub async fn status<K, S: Serialize>(
    object: &K,
    change: Change<S>,
    context: &Context,
) -> Result<Option<Duration>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let key = controllers::key(object);
    let settled = |context: &Context| context.note(&key, |p| p.fleeting_since = None);
    let Some(new) = change.new else {
        settled(context);
        return Ok(None);
    };
    let left = SETTLE.saturating_sub(context.fleeting_since(&key, Instant::now()).elapsed());
    if !change.lasting && !left.is_zero() {
        return Ok(Some(left));
    }
    write(object, &new, "write status of", change.unless_changed, context).await?;
    settled(context);
    context.reporter.publish(&object.object_ref(&()), change.notes).await;
    Ok(None)
}

/// Writes the whole status of an object and gives it as it is then; `unless_changed`: only onto what was read.
pub async fn write<K, S: Serialize>(
    object: &K,
    status: &S,
    verb: &'static str,
    unless_changed: bool,
    context: &Context,
) -> Result<K, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
    let mut body = json!({ "apiVersion": K::api_version(&()), "kind": K::kind(&()), "status": status });
    if unless_changed {
        body["metadata"] = json!({ "resourceVersion": object.resource_version() });
    }
    let written = api.patch_status(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&body)).await;
    written.map_err(Error::api(verb, format!("{} {namespace}/{name}", K::kind(&()))))
}
