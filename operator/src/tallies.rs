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
