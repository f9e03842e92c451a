//! Revision → Deployment, headless Service and key Secret; and how the revision fares.
//!
//! observe (stores) → plan (pure) → apply → status.

mod deployment;
mod health;
mod key;
mod pod;
mod probe;
mod service;
mod status;

use std::time::Duration;

use api::{Revision, labels};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ApiResource;
use kube::{Resource, ResourceExt};
use serde_json::Value;

use crate::cluster::Stores;
use crate::context::{Context, Shared};
use crate::controllers::{self, Next};
use crate::digest::Answer;
use crate::error::{Class, Error};
use crate::store::{By, Key};

pub use health::Health;
pub use pod::container_name;
#[cfg(fuzzing)]
pub use pod::weave;

/// After so many failed tries in a row the reason is told, whatever it is.
const FAILURES_TOLD: u32 = 2;

/// What the stores hold of one revision.
struct Observed {
    deployment: Option<Value>,
    service: Option<Value>,
    pods: Vec<Pod>,
}

/// Brings one revision's objects and status to what they are to be.
pub async fn reconcile(mut revision: Revision, context: Shared) -> Result<Next, Error> {
    if revision.meta().deletion_timestamp.is_some() {
        return Ok(Next::Change);
    }
    let observed = observe(&revision, &context.stores);
    if let Some((health, wait)) = resolve(&mut revision, &observed, &context).await? {
        let settle = status::write(&revision, &health, &context).await?;
        return Ok(settle.or(wait).map_or(Next::Change, Next::After));
    }
    let refused = write(&revision, &observed, &context).await.err();
    let health = health::assess(observed.deployment.as_ref(), &observed.pods, refused.as_ref(), context.clock.now());
    let lasts = context.failures(&controllers::key(&revision)) >= FAILURES_TOLD;
    match refused {
        // Likely to pass: not worth a word yet.
        Some(error) if error.class() != Class::Invalid && !lasts => Err(error),
        Some(error) => {
            status::write(&revision, &health, &context).await?;
            Err(error)
        }
        None => {
            let settle = status::write(&revision, &health, &context).await?;
            let look_again = health.doubtful.then_some(health::DOUBT);
            Ok(settle.or(look_again).map_or(Next::Change, Next::After))
        }
    }
}

/// Makes digests of its tags before its first Deployment, and never again; while there are none yet, how it fares, and
/// when to come again.
async fn resolve(
    revision: &mut Revision,
    observed: &Observed,
    context: &Context,
) -> Result<Option<(Health, Option<Duration>)>, Error> {
    let name = controllers::key(revision);
    if revision.status.as_ref().is_some_and(|status| !status.images.is_empty()) {
        context.resolver.forget(&name);
        return Ok(None);
    }
    // A Deployment may be known before the images that were written for it: an answer is kept until they are seen.
    if observed.deployment.is_some() && !context.resolver.knows(&name) {
        return Ok(None);
    }
    match context.resolver.ask(revision) {
        Answer::AsWritten => Ok(None),
        Answer::Open(problem, wait) => Ok(Some((Health::resolving(problem), wait))),
        // Written before a pod can run them: what another leader asks may be answered otherwise.
        Answer::Resolved(images) => status::write_images(revision, images, context).await.map(|()| None),
    }
}

fn observe(revision: &Revision, stores: &Stores) -> Observed {
    let key = Key::of(revision.meta());
    Observed {
        deployment: stores.deployments.get(&key),
        service: stores.services.get(&key),
        pods: stores.pods.by(By::Revision, &revision.uid().unwrap_or_default()),
    }
}

async fn write(revision: &Revision, observed: &Observed, context: &Context) -> Result<(), Error> {
    let key_missing = health::lacks_key(&observed.pods);
    if observed.deployment.is_none() || key_missing {
        // Before the Deployment, for its pods cannot start without.
        key::ensure(revision, context).await?;
    }
    context.ensure(service::plan(revision)?, observed.service.clone()).await?;
    if let Some(desired) = deployment::plan(revision, &context.args, observed.deployment.as_ref())? {
        context.ensure(desired, observed.deployment.clone()).await?;
    }
    Ok(())
}

/// `metadata` of an object that a revision controls.
fn metadata(revision: &Revision, name: &str) -> Result<Value, Error> {
    let owner = revision
        .controller_owner_ref(&())
        .ok_or_else(|| Error::Invalid(format!("Revision '{}' has no UID", revision.name_any())))?;
    let mut labels = serde_json::Map::new();
    for key in [labels::APP, labels::NUMBER] {
        if let Some(value) = revision.labels().get(key) {
            labels.insert(key.to_owned(), value.clone().into());
        }
    }
    labels.insert(labels::REVISION.to_owned(), revision.name_any().into());
    labels.insert(labels::REVISION_UID.to_owned(), revision.uid().unwrap_or_default().into());
    Ok(serde_json::json!({
        "name": name,
        "namespace": revision.namespace().unwrap_or_default(),
        "labels": labels,
        "ownerReferences": [owner],
    }))
}

fn resource_of<K: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}

#[cfg(test)]
pub(crate) mod tests {
    use api::{Revision, RevisionSpec, Template, labels};
    use clap::Parser;
    use serde_json::Value;

    use crate::args::Args;

    pub(crate) fn args() -> Args {
        let given = [
            "operator",
            "--namespace",
            "sys",
            "--pod-name",
            "p",
            "--pod-ip",
            "10.0.0.1",
            "--queue-proxy-image",
            "qp:1",
        ];
        Args::parse_from(given)
    }

    /// What is applied for a revision.
    pub(crate) fn planned(revision: &Revision) -> Vec<Value> {
        let deployment = super::deployment::plan(revision, &args(), None).expect("valid").expect("one");
        vec![super::service::plan(revision).expect("valid").body, deployment.body]
    }

    /// Names differ from those of the product, so that a swapped label shows.
    pub(crate) fn revision(template: Value) -> Revision {
        let spec = RevisionSpec {
            template: serde_json::from_value::<Template>(template).expect("a template"),
            concurrency_limit: 0,
            timeouts: api::Timeouts::default(),
            initializer: None,
            recycle_after: None,
        };
        let mut revision = Revision::new("shop-00007", spec);
        revision.metadata.namespace = Some("market".to_owned());
        revision.metadata.uid = Some("uid-7".to_owned());
        revision.metadata.labels = Some([(labels::APP.to_owned(), "shop".to_owned())].into());
        revision
    }
}
