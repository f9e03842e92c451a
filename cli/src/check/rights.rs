//! What the caller may do, by the verb of this command that needs it.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, ObjectMeta, PostParams};

use super::facts::Known;
use crate::session::Session;

/// A right, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// Verb of RBAC.
    pub verb: &'static str,
    /// API group.
    pub group: &'static str,
    /// Resource, with the subresource behind a slash.
    pub resource: &'static str,
    /// Whether it is needed where todoapp is installed, and not where the app is.
    pub system: bool,
    /// Verbs of this command that need it.
    pub needed: &'static str,
}

/// All that is asked for.
pub const ALL: [Right; 8] = [
    right("list", "todoapp.dev", "todoapps", false, "get, check"),
    right("watch", "todoapp.dev", "todoapps", false, "get --watch, promote, abort, pause, resume, apply --wait"),
    right("patch", "todoapp.dev", "todoapps", false, "traffic, promote, abort, pause, resume, apply"),
    right("list", "", "pods", false, "get, logs"),
    right("get", "", "pods/log", false, "logs"),
    right("get", "coordination.k8s.io", "leases", true, "explain, wake"),
    right("get", "", "pods/proxy", true, "explain"),
    right("create", "", "pods/proxy", true, "wake"),
];

const fn right(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    system: bool,
    needed: &'static str,
) -> Right {
    Right { verb, group, resource, system, needed }
}

impl Right {
    /// `pods/log`, or with its group `todoapps.todoapp.dev`.
    pub fn shown(&self) -> String {
        if self.group.is_empty() { self.resource.to_owned() } else { format!("{}.{}", self.resource, self.group) }
    }
}

/// Asks the API server about each.
pub async fn ask(session: &Session, system: &str) -> Vec<(Right, Known<bool>)> {
    let api = Api::<SelfSubjectAccessReview>::all(session.client.clone());
    let mut rights = Vec::new();
    for right in ALL {
        let namespace = if right.system { system } else { &session.namespace };
        let answer = api.create(&PostParams::default(), &review(&right, namespace)).await;
        let allowed = answer.map(|review| review.status.is_some_and(|status| status.allowed));
        rights.push((right, allowed.map_err(|error| error.to_string())));
    }
    rights
}

fn review(right: &Right, namespace: &str) -> SelfSubjectAccessReview {
    let (resource, part) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    let attributes = ResourceAttributes {
        namespace: Some(namespace.to_owned()),
        verb: Some(right.verb.to_owned()),
        group: Some(right.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: Some(part.to_owned()).filter(|part| !part.is_empty()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    SelfSubjectAccessReview { metadata: ObjectMeta::default(), spec, status: None }
}
