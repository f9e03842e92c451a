//! The Secret with a revision's key: what its queue-proxies prove themselves to the hub with.
//!
//! Created and never read. The name carries the revision's UID, so whatever exists under it was made here.

use api::Revision;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, PostParams};

use super::metadata;
use crate::context::Context;
use crate::error::Error;

/// Name of the Secret of the revision with this UID.
pub fn secret_name(uid: &str) -> String {
    format!("todoapp-key-{uid}")
}

/// Creates the Secret unless it is there.
pub async fn ensure(revision: &Revision, context: &Context) -> Result<(), Error> {
    let uid = revision.uid().unwrap_or_default();
    let key = runtime::proof::revision_key(&context.master_key, &uid);
    let namespace = revision.namespace().unwrap_or_default();
    let name = secret_name(&uid);
    let secret: Secret = serde_json::from_value(serde_json::json!({
        "metadata": metadata(revision, &name)?,
        "immutable": true,
        "stringData": { "key": runtime::proof::key_to_hex(&key) },
    }))
    .map_err(|e| Error::Invalid(format!("Secret {name}: {e}")))?;
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &namespace);
    match api.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(Error::api("create", format!("Secret {namespace}/{name}"))(error)),
    }
}
