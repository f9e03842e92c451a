//! The cluster's side of the core: which revisions there are, how they may scale, which scale was observed.

use std::sync::Arc;
use std::time::Duration;

use super::super::RevisionEntry;
use super::super::revision::{Revision, When};
use super::super::share;
use super::Core;

impl Core {
    /// A revision exists, or changed.
    pub fn upsert(&mut self, now: Duration, mut entry: RevisionEntry) {
        let uid: Arc<str> = entry.uid.as_str().into();
        let schedules = std::mem::take(&mut entry.schedules);
        let spec = self.specs.share(entry.spec);
        let new = || Box::new(Revision::new(Arc::clone(&uid), Arc::clone(&spec)));
        let revision = self.revisions.entry(Arc::clone(&uid)).or_insert_with(new);
        let before = share::places(revision.memory.spec());
        if let Some(min) = self.calendar.set(&uid, schedules) {
            revision.scheduled = min;
        }
        revision.list(now, entry, spec);
        let (places, replicas) = (share::places(revision.memory.spec()), revision.desired);
        // Of a sleeping revision they are told when it wakes.
        if places != before && replicas > 0 {
            self.broadcast(&self.desired(&uid, replicas));
        }
    }

    /// A revision is gone.
    pub fn remove(&mut self, uid: &str) {
        if let Some(revision) = self.revisions.get_mut(uid) {
            revision.listed = None;
            revision.desired = 0;
            revision.scheduled = 0;
            if revision.is_forgotten() {
                self.revisions.remove(uid);
            }
        }
        self.calendar.forget(uid);
        for activator in self.activators.values_mut() {
            activator.forget(uid);
        }
    }

    /// Revisions for which `keep` says no are gone; those of which only pods were heard are not in question.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let listed = self.revisions.iter().filter(|(_, revision)| revision.listed.is_some());
        let gone: Vec<Arc<str>> = listed.map(|(uid, _)| Arc::clone(uid)).filter(|uid| !keep(uid)).collect();
        for uid in gone {
            self.remove(&uid);
        }
    }

    /// A revision's Deployment was observed.
    pub fn set_replicas(&mut self, now: Duration, uid: &str, replicas: u32, ready: u32) {
        let Some(revision) = self.revisions.get_mut(uid) else { return };
        let before = revision.desired;
        let first = revision.observe_scale(replicas, ready);
        if revision.desired != before {
            let replicas = revision.desired;
            self.broadcast(&self.desired(uid, replicas));
        }
        let held = self.held(uid);
        if first || held > 0 {
            self.judge(now, uid, held, When::Demand);
        }
    }
}
