//! Tells the autoscaler of every revision: what it may do, whether traffic goes there, how many pods it has.

use std::sync::Arc;

use api::{Revision, TodoApp, labels};
use kube::{Resource, ResourceExt};
use policy::{Schedules, Settings};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::autoscaler::{Autoscaler, RevisionEntry};
use crate::cluster::{Stores, Subject};
use crate::outcomes::Outcomes;
use crate::rounds::Rounds;
use crate::store::{By, Key};

/// Keeps the autoscaler's roster true to the stores.
pub struct Roster {
    stores: Stores,
    autoscaler: Autoscaler,
    outcomes: Outcomes,
    settings: watch::Receiver<Arc<Settings>>,
}

impl Roster {
    /// Of these stores, for this autoscaler, under these settings; `outcomes` are kept of releases alone.
    pub fn new(
        stores: Stores,
        autoscaler: Autoscaler,
        outcomes: Outcomes,
        settings: watch::Receiver<Arc<Settings>>,
    ) -> Self {
        Self { stores, autoscaler, outcomes, settings }
    }

    /// Tells all there is.
    pub fn fill(&self) {
        for revision in self.stores.revisions.all() {
            self.tell(&revision);
        }
    }

    /// Follows the triggers until they end.
    pub async fn follow(self, mut triggers: mpsc::Receiver<Subject>) {
        let mut settings = self.settings.clone();
        settings.mark_unchanged();
        let revisions = &self.stores.revisions;
        let mut rounds = Rounds::new();
        loop {
            tokio::select! {
                trigger = triggers.recv() => match trigger {
                    Some(Subject::App(app)) => self.tell_of(&app),
                    Some(Subject::Revision(key)) => match revisions.get(&key) {
                        Some(revision) => self.tell(&revision),
                        // Deleted: its UID is not known any more, so look which one is gone.
                        None => self.forget_gone(),
                    },
                    None => return,
                },
                // An end of it is the end of the process.
                Ok(()) = settings.changed() => self.fill(),
                part = rounds.next() => {
                    // A revision that was deleted and made again while a watch was broken has another UID.
                    self.forget_gone();
                    self.outcomes.retain(|uid| self.in_release(uid));
                    revisions.keys(part.of(revisions.slots())).iter().filter_map(|key| revisions.get(key)).for_each(|r| self.tell(&r));
                }
            }
        }
    }

    fn forget_gone(&self) {
        self.autoscaler.retain(|uid| self.stores.revisions.may_have(By::Uid, uid));
    }

    /// Whether the revision takes part in a release.
    fn in_release(&self, uid: &str) -> bool {
        let revisions = self.stores.revisions.by(By::Uid, uid);
        revisions
            .iter()
            .any(|revision| self.app(revision).is_some_and(|app| release_minimum(&app, &revision.name_any()).is_some()))
    }

    fn app(&self, revision: &Revision) -> Option<TodoApp> {
        self.stores.apps.get(&Key::new(revision.namespace()?, revision.labels().get(labels::APP)?))
    }

    /// Tells of all revisions of an app.
    fn tell_of(&self, app: &Key) {
        let Some(uid) = self.stores.apps.get(app).and_then(|app| app.uid()) else { return };
        for revision in self.stores.revisions.by(By::Controller, &uid) {
            self.tell(&revision);
        }
    }

    fn tell(&self, revision: &Revision) {
        let (Some(uid), Some(entry)) = (revision.uid(), self.entry(revision)) else { return };
        if revision.meta().deletion_timestamp.is_some() {
            self.autoscaler.remove(&uid);
            return;
        }
        self.autoscaler.upsert(entry);
        if let Some(desired) = self.replicas(revision) {
            self.autoscaler.set_replicas(&uid, desired, self.ready(&uid));
        }
    }

    fn entry(&self, revision: &Revision) -> Option<RevisionEntry> {
        let app = self.app(revision)?;
        let name = revision.name_any();
        let mut spec = policy::spec(&app.spec.scaling, &self.settings.borrow(), revision.spec.concurrency_limit);
        let of_release = release_minimum(&app, &name);
        spec.min = spec.min.max(of_release.unwrap_or(0)).min(spec.max);
        Some(RevisionEntry {
            uid: revision.uid()?,
            namespace: revision.namespace()?,
            spec,
            schedules: Schedules::read(&app.spec.scaling.schedules).0,
            routed: of_release.is_some() || is_routed(&app, &name),
            name,
            initial: !revision.status.as_ref().is_some_and(|s| s.was_ready),
        })
    }

    /// `spec.replicas`; nothing while there is no Deployment that could be scaled.
    fn replicas(&self, revision: &Revision) -> Option<u32> {
        let deployment = self.stores.deployments.get(&Key::of(revision.meta()))?;
        deployment.pointer("/spec/replicas").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
    }

    /// Ready pods by EndpointSlices; the autoscaler knows of those that called home itself.
    fn ready(&self, uid: &str) -> u32 {
        u32::try_from(self.stores.ready_endpoints(uid).count()).unwrap_or(u32::MAX)
    }
}

/// Fewest pods of a revision that takes part in a release: of the candidate what the next share needs, of the stable one a
/// pod to go back to, unless both may sleep. `None` for all others.
fn release_minimum(app: &TodoApp, revision: &str) -> Option<u32> {
    let release = app.status.as_ref()?.rollout.as_ref().filter(|release| rollout::is_live(release))?;
    if release.candidate.as_deref() == Some(revision) {
        return Some(release.pods);
    }
    let warm = u32::from(app.spec.rollout.prewarm != Some(0));
    release.stable.as_ref().filter(|stable| *stable == revision).map(|_| warm)
}

/// Traffic goes there: by percent, by tag, or because the app never had another revision.
fn is_routed(app: &TodoApp, revision: &str) -> bool {
    app.status.iter().flat_map(|s| &s.traffic).any(|t| t.revision == revision && (t.percent > 0 || t.tag.is_some()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::Registry;
    use rollout::Tally;
    use serde_json::json;
    use wire::Outcome;

    use super::*;
    use crate::autoscaler::Metrics;
    use crate::clock::Clock;
    use crate::decisions::tests::{Nothing, keep};
    use crate::footprint::objects::Objects;

    #[test]
    fn both_versions_of_a_release_keep_pods_unless_they_may_sleep() {
        let of = |prewarm: u32, phase: &str, revision: &str| {
            let mut app = crate::app::tests::app(json!({ "template": { "spec": { "containers": [{ "image": "i" }] } },
                "rollout": { "prewarm": prewarm } }));
            let rollout = json!({ "stable": "old", "candidate": "new", "phase": phase, "pods": 3 * prewarm });
            app.status = serde_json::from_value(json!({ "rollout": rollout })).expect("a status");
            release_minimum(&app, revision)
        };
        assert_eq!([of(1, "Progressing", "new"), of(1, "Progressing", "old")], [Some(3), Some(1)]);
        assert_eq!([of(0, "Progressing", "new"), of(0, "Progressing", "old")], [Some(0), Some(0)]);
        assert_eq!([of(1, "Aborted", "new"), of(1, "Failed", "old"), of(1, "Progressing", "older")], [None; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn outcomes_are_kept_of_releases_alone() {
        let metrics = Metrics::register(&Registry::new()).expect("unique names");
        let autoscaler = Autoscaler::new(Arc::new(Nothing), Arc::new(Nothing), metrics, Clock::system());
        let (stores, outcomes) = (Stores::new(), Outcomes::default());
        let voice = outcomes.join("a", 1);
        let mut uids = Vec::new();
        for (n, rollout) in [
            (0, json!({ "phase": "Progressing", "stable": "other", "candidate": "asleep-0-00001" })),
            (1, json!({ "phase": "Paused", "stable": "asleep-1-00001", "candidate": "other" })),
            (2, json!({ "phase": "Aborted", "stable": "asleep-2-00001", "candidate": "other" })),
            (3, json!({ "phase": "Paused", "stable": "one", "candidate": "other" })),
        ] {
            let Objects { mut app, revision, revision_uid, .. } = Objects::of(n, 1);
            app["status"]["rollout"] = rollout;
            keep::<TodoApp, _>(&stores.apps, &app);
            keep::<Revision, _>(&stores.revisions, &revision);
            uids.push(revision_uid);
        }
        uids.push("of-nobody".to_owned());
        let tally = Tally { requests: 1, ..Tally::default() };
        let told = |uid: &String| Outcome { revision_uid: uid.clone(), count: 1, tally: tally.clone() };
        voice.hear(false, &uids.iter().map(told).collect::<Vec<_>>());
        let roster = Roster::new(stores, autoscaler, outcomes.clone(), watch::channel(Arc::default()).1);
        let (_triggers, follow) = mpsc::channel(1);
        let looked = tokio::time::timeout(Duration::from_secs(6), roster.follow(follow)).await;
        assert!(looked.is_err(), "it goes on");
        let kept: Vec<u64> = uids.iter().map(|uid| outcomes.of(uid).requests).collect();
        assert_eq!(kept, [1, 1, 0, 0, 0]);
    }
}
