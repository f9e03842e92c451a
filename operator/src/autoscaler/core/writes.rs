//! The writer's side of the core: which scale to write, which pods are to go with it, what was acknowledged.

use std::time::Duration;

use super::super::scalein::{self, Candidate, Mark};
use super::Core;

/// A scale to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Namespace of the Deployment.
    pub namespace: String,
    /// Name of the Deployment.
    pub name: String,
    /// Replicas.
    pub replicas: u32,
    /// Whether some of its pods go and others stay.
    pub scale_in: bool,
}

impl Core {
    /// The scale that a revision's writer has to write now; none ends it.
    pub fn next_write(&mut self, now: Duration, uid: &str) -> Option<Write> {
        let revision = self.revisions.get_mut(uid)?;
        let replicas = revision.next_write(now)?;
        let listed = revision.listed.as_ref()?;
        let (namespace, name) = listed.names();
        let scale_in = replicas > 0 && listed.scale.is_some_and(|scale| replicas < scale.current());
        Some(Write { namespace: namespace.to_owned(), name: name.to_owned(), replicas, scale_in })
    }

    /// The deletion costs to write before `replicas` are left of these pods of a revision.
    pub fn marks(&self, uid: &str, replicas: u32, pods: &[Candidate]) -> Vec<Mark> {
        let Some(revision) = self.revisions.get(uid) else { return Vec::new() };
        scalein::marks(pods, replicas, |pod| revision.busy(pod))
    }

    /// A write was acknowledged.
    pub fn written(&mut self, now: Duration, uid: &str, replicas: u32) {
        if let Some(revision) = self.revisions.get_mut(uid) {
            revision.written(now, replicas);
        }
        self.wakes.written(now, uid);
    }
}
