//! Who wrote what to the API server, from its audit log.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// One call that was answered, at level Metadata.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// `ResponseComplete` for all that count here.
    pub stage: String,
    /// create, patch, update, delete.
    pub verb: String,
    /// Who.
    pub user: User,
    /// What; absent for calls to no resource.
    #[serde(default)]
    pub object_ref: Option<Object>,
    /// When the API server got it.
    pub request_received_timestamp: Timestamp,
    /// When it had answered.
    pub stage_timestamp: Timestamp,
}

/// Who called.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// Such as `system:serviceaccount:todoapp-system:todoapp-operator`.
    pub username: String,
}

/// What was written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Object {
    /// Plural name of the kind.
    pub resource: String,
    /// Such as `scale` or `status`; empty for the object itself.
    pub subresource: String,
    /// Namespace, empty without.
    pub namespace: String,
    /// Name; empty for a create.
    pub name: String,
}

impl Call {
    /// `patch deployments/scale namespace/name`.
    pub fn text(&self) -> String {
        let object = self.object_ref.clone().unwrap_or_default();
        format!("{} {} {}/{}", self.verb, kind(&object), object.namespace, object.name)
    }

    /// Resource with its subresource.
    pub fn kind(&self) -> String {
        kind(&self.object_ref.clone().unwrap_or_default())
    }
}

fn kind(object: &Object) -> String {
    if object.subresource.is_empty() {
        return object.resource.clone();
    }
    format!("{}/{}", object.resource, object.subresource)
}

/// Path of the audit log; without one, says why the test is skipped.
pub fn path() -> Option<String> {
    let path = std::env::var("TODOAPP_AUDIT_LOG").ok().filter(|p| !p.is_empty());
    if path.is_none() {
        println!(
            "skipped: needs the API server's audit log (TODOAPP_AUDIT_LOG), which only the project's own node gives"
        );
    }
    path
}

/// Writes of these users from `begin` to `end`, leases aside, in order of arrival.
pub async fn writes(path: &str, users: &[String], begin: Timestamp, end: Timestamp) -> Result<Vec<Call>> {
    let text = tokio::fs::read_to_string(path).await.with_context(|| format!("reading {path}"))?;
    let mut calls: Vec<Call> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    calls.retain(|call| {
        call.stage == "ResponseComplete"
            && users.contains(&call.user.username)
            && (begin..=end).contains(&call.request_received_timestamp)
            && call.kind() != "leases"
            && !matches!(call.verb.as_str(), "get" | "list" | "watch")
    });
    calls.sort_by_key(|call| call.request_received_timestamp);
    Ok(calls)
}
