//! Tells the autoscaler of every revision: what it may do, whether traffic goes there, how many pods it has.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use api::{Revision, TodoApp, labels};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::interval;

use crate::autoscaler::{Autoscaler, RevisionEntry};
use crate::cluster::Stores;

/// Everything is told again after this time: a deletion that a broken watch did not show is made good then.
const RESYNC: Duration = Duration::from_secs(30);

/// Keeps the autoscaler's roster true to the stores.
pub struct Roster {
    stores: Stores,
    autoscaler: Autoscaler,
    told: HashSet<String>,
}

impl Roster {
    /// An empty roster.
    pub fn new(stores: Stores, autoscaler: Autoscaler) -> Self {
        Self { stores, autoscaler, told: HashSet::new() }
    }

    /// Tells all there is, and forgets what is gone.
    pub fn fill(&mut self) {
        self.forget_gone();
        for revision in self.stores.revisions.state() {
            self.tell(&revision);
        }
    }

    fn forget_gone(&mut self) {
        let present: HashSet<String> = self.stores.revisions.state().iter().filter_map(|r| r.uid()).collect();
        for gone in self.told.difference(&present) {
            self.autoscaler.remove(gone);
        }
        self.told.retain(|uid| present.contains(uid));
    }

    /// Follows the triggers until they end.
    pub async fn follow(mut self, mut triggers: mpsc::Receiver<ObjectRef<Revision>>) {
        let mut resync = interval(RESYNC);
        loop {
            tokio::select! {
                trigger = triggers.recv() => match trigger.map(|r| self.stores.revisions.get(&r)) {
                    Some(Some(revision)) => self.tell(&revision),
                    // Deleted: its UID is not known any more, so look which one is gone.
                    Some(None) => self.forget_gone(),
                    None => return,
                },
                _ = resync.tick() => self.fill(),
            }
        }
    }

    fn tell(&mut self, revision: &Arc<Revision>) {
        let (Some(uid), Some(entry)) = (revision.uid(), self.entry(revision)) else { return };
        if revision.meta().deletion_timestamp.is_some() {
            self.autoscaler.remove(&uid);
            self.told.remove(&uid);
            return;
        }
        self.autoscaler.upsert(entry);
        if let Some(desired) = self.replicas(revision) {
            self.autoscaler.set_replicas(&uid, desired, self.ready(&uid));
        }
        self.told.insert(uid);
    }

    fn entry(&self, revision: &Revision) -> Option<RevisionEntry> {
        let app = ObjectRef::new(revision.labels().get(labels::APP)?).within(&revision.namespace()?);
        let app = self.stores.apps.get(&app)?;
        Some(RevisionEntry {
            uid: revision.uid()?,
            namespace: revision.namespace()?,
            name: revision.name_any(),
            spec: spec(&app, revision),
            routed: is_routed(&app, &revision.name_any()),
            initial: !revision.status.as_ref().is_some_and(|s| s.was_ready),
        })
    }

    /// `spec.replicas`; nothing while there is no Deployment that could be scaled.
    fn replicas(&self, revision: &Revision) -> Option<u32> {
        let reference = ObjectRef::new(&revision.name_any()).within(&revision.namespace()?);
        let deployment = self.stores.deployments.get(&reference)?.json();
        deployment.pointer("/spec/replicas").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
    }

    /// Ready pods by EndpointSlices; the autoscaler knows of those that called home itself.
    fn ready(&self, uid: &str) -> u32 {
        let slices = self.stores.slices.state();
        let of_revision = |s: &&Arc<EndpointSlice>| s.labels().get(labels::REVISION_UID).is_some_and(|u| u == uid);
        let endpoints = slices.iter().filter(of_revision).flat_map(|s| s.endpoints.iter().flatten());
        let ready = endpoints.filter(|e| e.conditions.as_ref().is_some_and(|c| c.ready == Some(true))).count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }
}

/// Traffic goes there: by percent, by tag, or because the app never had another revision.
fn is_routed(app: &TodoApp, revision: &str) -> bool {
    app.status.iter().flat_map(|s| &s.traffic).any(|t| t.revision == revision && (t.percent > 0 || t.tag.is_some()))
}

fn spec(app: &TodoApp, revision: &Revision) -> scaling::Spec {
    let wish = &app.spec.scaling;
    let limit = revision.spec.concurrency_limit;
    scaling::Spec {
        min: wish.min,
        max: wish.max,
        // A pod cannot carry more than it lets in (Knative: min(target, containerConcurrency)).
        target: if limit > 0 { wish.target.min(f64::from(limit)) } else { wish.target },
        utilization: f64::from(wish.utilization_percent) / 100.0,
        window_s: u32::try_from(wish.window().as_secs()).unwrap_or(u32::MAX),
        zero_grace: wish.zero_grace(),
        ..scaling::Spec::default()
    }
}
