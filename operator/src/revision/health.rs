//! What Deployment and pods say of a revision: a pure reading, in order of how much a reason explains.

mod pods;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

pub use self::pods::lacks_key;
use super::deployment::replicas;
use crate::digest::Problem;
use crate::error::{Class, Error};

/// How long a doubtful reason is given to pass.
pub const DOUBT: Duration = Duration::from_secs(8);

/// How a revision fares at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Pods wanted.
    pub desired: u32,
    /// Pods ready.
    pub ready: u32,
    /// Why pods do not start, when that is known.
    pub failure: Option<Failure>,
    /// Something looks wrong, too early to tell: to be looked at again after [`DOUBT`].
    pub doubtful: bool,
    /// It has no Deployment yet, for what its tags stand for is not known.
    pub resolving: bool,
}

impl Health {
    /// Of a revision whose images are not resolved, for this reason if it was tried.
    pub fn resolving(problem: Option<Problem>) -> Self {
        let failure = problem.map(|p| Failure { reason: p.reason.to_owned(), message: p.message });
        Self { failure, resolving: true, ..Self::default() }
    }
}

/// Why a revision does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One word in CamelCase.
    pub reason: String,
    /// Which container, what happened.
    pub message: String,
}

/// Reads the state off the objects; `refused` is the API server's answer to our own write, if it said no.
pub fn assess(deployment: Option<&Value>, pods: &[Pod], refused: Option<&Error>, now: Timestamp) -> Health {
    let count = |field: &str| {
        let value = deployment.and_then(|d| d.pointer(field)).and_then(Value::as_u64).unwrap_or(0);
        u32::try_from(value).unwrap_or(u32::MAX)
    };
    let ready = count("/status/readyReplicas");
    let failure = refused
        .map(refusal)
        .or_else(|| if ready > 0 { None } else { pods::failure(pods, now) })
        .or_else(|| deployment.and_then(replica_failure));
    let doubtful = failure.is_none() && pods::are_doubtful(pods);
    Health { desired: deployment.map_or(0, replicas), ready, failure, doubtful, resolving: false }
}

fn refusal(error: &Error) -> Failure {
    let reason = match (error, error.class(), error.code()) {
        (Error::Taken { .. }, ..) => "NameTaken",
        // A template that cannot even be decoded is an internal error to the API server.
        (_, Class::Invalid, _) | (_, _, Some(500)) => "InvalidTemplate",
        _ => "NotApplied",
    };
    Failure { reason: reason.to_owned(), message: error.to_string() }
}

/// Quota, admission and the like: the ReplicaSet cannot make pods at all.
fn replica_failure(deployment: &Value) -> Option<Failure> {
    let conditions = deployment.pointer("/status/conditions")?.as_array()?;
    let failed = conditions.iter().find(|c| c["type"] == "ReplicaFailure" && c["status"] == "True")?;
    let text = |field: &str| failed[field].as_str().unwrap_or_default().to_owned();
    Some(Failure { reason: text("reason"), message: text("message") })
}

#[cfg(test)]
mod tests;
