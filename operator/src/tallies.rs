//! What the two revisions of a release did since its step began.
//!
//! Status has the sums, so that a new leader goes on from them; the times of requests that an earlier leader heard of are
//! not known to it, so a 99th percentile is then one of the requests since.

use std::collections::HashMap;

use api::RolloutStatus;
use api::rollout::Figures;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use parking_lot::Mutex;
use rollout::{Probes, Tally};

use crate::outcomes::Outcomes;

/// Which release is meant: UIDs of the app and of its two revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// UID of the app.
    pub app: String,
    /// UID of the revision that is being released.
    pub candidate: String,
    /// UID of the one that serves.
    pub stable: String,
}

/// Where the counting of each release's step began; one entry for each release under way.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<HashMap<String, Mark>>);

#[derive(Debug)]
struct Mark {
    step: Step,
    since: Option<Time>,
    /// What was known of candidate and stable when this process began to count.
    began: [Tally; 2],
    /// What the status had of the step by then.
    before: [Tally; 2],
    probes: Probes,
}

impl Tallies {
    /// What candidate and stable revision did, and what probes came to, since the step in `status` began.
    pub fn since(&self, step: Step, status: &RolloutStatus, outcomes: &Outcomes) -> (Tally, Tally, Probes) {
        let now = [outcomes.of(&step.candidate), outcomes.of(&step.stable)];
        let mut marks = self.0.lock();
        let begin = |step: Step| Mark {
            since: status.step_since.clone(),
            began: now.clone(),
            before: [sums(status.figures.as_ref()), sums(status.stable_figures.as_ref())],
            probes: Probes::default(),
            step,
        };
        let mark = marks.entry(step.app.clone()).or_insert_with(|| begin(step.clone()));
        if mark.step != step || mark.since != status.step_since {
            *mark = begin(step);
        }
        let did = |which: usize| {
            let mut did = now[which].since(&mark.began[which]);
            did.add(&mark.before[which]);
            did
        };
        (did(0), did(1), mark.probes)
    }

    /// Adds what probes of the candidate came to.
    pub fn probed(&self, app: &str, probes: Probes) {
        if let Some(mark) = self.0.lock().get_mut(app) {
            mark.probes.sent += probes.sent;
            mark.probes.failed += probes.failed;
        }
    }

    /// Drops what is kept of an app that releases nothing.
    pub fn forget(&self, app: &str) {
        self.0.lock().remove(app);
    }
}

fn sums(figures: Option<&Figures>) -> Tally {
    figures.map_or_else(Tally::default, |f| Tally {
        requests: f.requests,
        errors: f.errors,
        cold_starts: f.cold_starts,
        ..Tally::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wire::Outcome;

    use super::*;

    fn step() -> Step {
        Step { app: "app".to_owned(), candidate: "new".to_owned(), stable: "old".to_owned() }
    }

    /// In the first step, or in the second.
    fn status(second: bool, figures: &serde_json::Value) -> RolloutStatus {
        let since = if second { "2026-05-04T10:10:00Z" } else { "2026-05-04T10:00:00Z" };
        serde_json::from_value(json!({ "stepSince": since, "figures": figures })).expect("a status")
    }

    /// An activator tells its whole count.
    fn told(outcomes: &Outcomes, requests: u64) {
        let tally = Tally { requests, errors: requests / 10, ..Tally::default() };
        outcomes.join("a", 1).hear(false, &[Outcome { revision_uid: "new".to_owned(), count: 1, tally }]);
    }

    #[test]
    fn each_step_counts_from_its_own_beginning() {
        let (tallies, outcomes) = (Tallies::default(), Outcomes::default());
        let candidate = |second| tallies.since(step(), &status(second, &json!(null)), &outcomes).0;
        told(&outcomes, 30);
        assert_eq!(candidate(false).requests, 0, "what it did before");
        told(&outcomes, 50);
        assert_eq!((candidate(false).requests, candidate(false).errors), (20, 2));
        assert_eq!(candidate(true).requests, 0);
        told(&outcomes, 57);
        assert_eq!(candidate(true).requests, 7);
    }

    #[test]
    fn a_new_leader_goes_on_from_what_status_has() {
        let (tallies, outcomes) = (Tallies::default(), Outcomes::default());
        let stated = status(false, &json!({ "requests": 40, "errors": 3, "coldStarts": 1 }));
        let (did, _, _) = tallies.since(step(), &stated, &outcomes);
        assert_eq!((did.requests, did.errors, did.cold_starts), (40, 3, 1));
        told(&outcomes, 10);
        assert_eq!(tallies.since(step(), &stated, &outcomes).0.requests, 50);
        let later = status(false, &json!({ "requests": 50, "errors": 4, "coldStarts": 1 }));
        assert_eq!(tallies.since(step(), &later, &outcomes).0.requests, 50, "what it wrote itself is not added again");
    }

    #[test]
    fn probes_count_until_the_step_is_over() {
        let (tallies, outcomes) = (Tallies::default(), Outcomes::default());
        let probes = |second| tallies.since(step(), &status(second, &json!(null)), &outcomes).2;
        tallies.probed("app", Probes { sent: 9, failed: 9 });
        assert_eq!(probes(false).sent, 0, "nothing was under way");
        tallies.probed("app", Probes { sent: 5, failed: 1 });
        tallies.probed("app", Probes { sent: 5, failed: 0 });
        assert_eq!(probes(false), Probes { sent: 10, failed: 1 });
        assert_eq!(probes(true), Probes::default());
    }
}
