//! Revisions that scale by what their pods use.

use std::sync::Arc;
use std::time::Duration;

use scaling::{Metric, Usage};

use super::Core;

impl Core {
    /// The revisions that have pods and scale by what those use, with the metric.
    pub fn by_usage(&self) -> Vec<(Arc<str>, Metric)> {
        let with_pods = self.revisions.values().filter(|revision| revision.desired > 0);
        let by_metric = with_pods.map(|revision| (&revision.uid, revision.memory.spec().metric));
        by_metric.filter(|(_, metric)| metric.is_resource()).map(|(uid, metric)| (Arc::clone(uid), metric)).collect()
    }

    /// What the pods of a revision use was read, or is not known: it counts at the next tick.
    pub fn observe_usage(&mut self, now: Duration, uid: &str, usage: Option<Usage>) {
        if let Some(revision) = self.revisions.get_mut(uid) {
            revision.memory.observe_usage(now, usage);
        }
    }
}
