//! When a revision is judged, and what becomes of the decision.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use wire::{Down, Endpoint};

use super::super::activator::Activator;
use super::super::revision::{LOST_KEPT, VOUCH_GRACE, When};
use super::{Core, Effect};

/// How long a new leader waits at least before it scales in.
const SETTLE: Duration = Duration::from_secs(5);

impl Core {
    /// One tick: forgets who is gone and judges every revision. `clock` is the time of day at `now`, `listed` says
    /// whether an `EndpointSlice` of the revision has the address.
    pub fn tick(&mut self, now: Duration, clock: Timestamp, listed: &dyn Fn(&str, SocketAddr) -> bool) {
        self.forget_lost(now, listed);
        for (uid, min) in self.calendar.turn(clock) {
            if let Some(revision) = self.revisions.get_mut(&uid) {
                revision.scheduled = min;
            }
        }
        let settled = self.is_settled(now);
        let uids: Vec<Arc<str>> = self.revisions.keys().cloned().collect();
        for uid in uids {
            let held = self.held(&uid);
            self.judge(now, &uid, held, When::Tick { settled });
        }
    }

    /// A wake by hand: one request, in the window for as long as any, held by nobody. The pods wanted then; none for a
    /// revision without a Deployment.
    pub fn wake(&mut self, now: Duration, uid: &str) -> Option<u32> {
        let held = self.held(uid).saturating_add(1);
        let revision = self.revisions.get_mut(uid)?;
        revision.listed.as_ref()?.scale.as_ref()?;
        revision.memory.observe_wake(now.as_secs());
        self.judge(now, uid, held, When::Demand);
        self.revisions.get(uid).map(|revision| revision.desired)
    }

    /// Whether enough is known to scale in.
    pub fn is_settled(&self, now: Duration) -> bool {
        now.saturating_sub(self.began) >= SETTLE
            && self.activators.values().all(Activator::has_reported)
            && self
                .revisions
                .values()
                .flat_map(|revision| &revision.pods)
                .all(|pod| pod.peer.is_none() || pod.heard.is_some())
    }

    /// Requests of a revision that activators hold.
    pub fn held(&self, uid: &str) -> u32 {
        self.activators.values().fold(0, |sum, activator| sum.saturating_add(activator.held(uid)))
    }

    /// Judges a revision between ticks, if activators hold requests for it.
    pub(super) fn judge_demand(&mut self, now: Duration, uid: &str) {
        let held = self.held(uid);
        if held > 0 {
            self.judge(now, uid, held, When::Demand);
        }
    }

    /// Judges a revision and takes the consequences.
    pub(super) fn judge(&mut self, now: Duration, uid: &str, held: u32, when: When) {
        let Some(revision) = self.revisions.get_mut(uid) else { return };
        if let Some(decision) = revision.judge(now, held, when) {
            self.decided.push(decision.reason);
            if revision.desired > 0 || decision.desired > 0 {
                let deadline = revision.memory.spec().progress_deadline;
                self.calendar.follow(&revision.uid, &decision.record, deadline);
            }
            let changed = revision.desired != decision.desired;
            if held > 0
                && when == When::Demand
                && revision.desired == 0
                && let Some(listed) = &revision.listed
            {
                let (namespace, name) = listed.names();
                self.wakes.begin(now, Arc::clone(&revision.uid), namespace.to_owned(), name.to_owned());
            }
            revision.desired = decision.desired;
            if revision.begin_write(now) {
                self.effects.push(Effect::Write { uid: Arc::clone(&revision.uid) });
            }
            if changed {
                self.broadcast(&self.desired(uid, decision.desired));
            }
        }
    }

    /// A stream that broke says little about its pod: activators are told only if the cluster does not list it either.
    fn forget_lost(&mut self, now: Duration, listed: &dyn Fn(&str, SocketAddr) -> bool) {
        let mut gone = Vec::new();
        for revision in self.revisions.values_mut() {
            for pod in &mut revision.pods {
                if pod.vouched && pod.lost_for(now, VOUCH_GRACE) {
                    pod.vouched = false;
                    if !listed(&revision.uid, pod.address) {
                        gone.push(Endpoint { revision_uid: revision.uid.to_string(), address: pod.address });
                    }
                }
            }
            revision.pods.retain(|pod| !pod.lost_for(now, LOST_KEPT));
            if revision.pods.is_empty() {
                revision.pods.shrink_to_fit();
            }
        }
        self.revisions.retain(|_, revision| !revision.is_forgotten());
        self.activators.retain(|_, activator| !activator.lost_for(now, LOST_KEPT));
        for activator in self.activators.values_mut() {
            activator.prune();
        }
        for endpoint in gone {
            self.broadcast(&Down::EndpointDown(endpoint));
        }
    }
}
