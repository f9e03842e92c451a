//! Conditions of an app. Pure.

use api::TodoApp;
use api::condition::{self, Finding, PROMOTED, READY, RECONCILING, REVISION_READY, ROUTED, STALLED, State};
use api::rollout::Phase;
use kube::ResourceExt;
use policy::Schedules;

use super::observe::Observed;
use super::snapshot::latest_created;
use super::status::Outcome;
use super::traffic::latest_share;
use crate::error::Error;

/// Reason of a chosen name that exists with another content.
const NAME_TAKEN: &str = "RevisionNameTaken";

/// kstatus: Ready says whether it works, Reconciling and Stalled are there only while true.
pub(super) fn findings(app: &TodoApp, observed: &Observed, outcome: &Outcome) -> Vec<Finding> {
    let revision = revision_ready(app, observed, outcome);
    let routed = routing(observed, outcome);
    let promoted = promoted(app, observed, outcome, &revision);
    let unscheduled = unscheduled(app);
    let all = || [&revision, &routed].into_iter().chain(&unscheduled);
    let worst = [State::False, State::Unknown, State::True]
        .into_iter()
        .find_map(|state| all().find(|f| f.state == state))
        .unwrap_or(&routed);
    let ready = Finding { kind: READY, ..worst.clone() };
    let ready = if ready.state == State::True {
        Finding {
            reason: "Ready".into(),
            message: "requests are answered; at zero they are held while a pod starts".into(),
            ..ready
        }
    } else {
        ready
    };
    let stalled = match ready.state {
        State::False => Some(Finding::new(STALLED, State::True, &ready.reason, &ready.message)),
        State::Unknown => Some(Finding::new(RECONCILING, State::True, &ready.reason, &ready.message)),
        State::True => None,
    };
    [Some(ready), Some(revision), Some(routed), Some(promoted), stalled].into_iter().flatten().collect()
}

fn revision_ready(app: &TodoApp, observed: &Observed, outcome: &Outcome) -> Finding {
    if let Some(Error::Invalid(message)) = &outcome.refused {
        return Finding::new(REVISION_READY, State::False, NAME_TAKEN, message);
    }
    let Some(latest) = latest_created(app, &observed.revisions) else {
        return Finding::new(REVISION_READY, State::Unknown, "Deploying", "the first revision is being made");
    };
    let name = latest.name_any();
    let conditions = latest.status.as_ref().map_or(&[][..], |s| &s.conditions);
    match condition::find(conditions, READY) {
        Some(c) if c.status == "True" => {
            Finding::new(REVISION_READY, State::True, "RevisionReady", format!("revision '{name}' was ready"))
        }
        Some(c) if c.status == "False" => {
            Finding::new(REVISION_READY, State::False, &c.reason, format!("revision '{name}': {}", c.message))
        }
        _ => {
            Finding::new(REVISION_READY, State::Unknown, "Deploying", format!("revision '{name}' has no pod ready yet"))
        }
    }
}

fn routing(observed: &Observed, outcome: &Outcome) -> Finding {
    match (&outcome.refused, &outcome.traffic.problem) {
        (Some(error @ Error::Taken { .. }), _) => Finding::new(ROUTED, State::False, "NameTaken", error.to_string()),
        (Some(error), _) if !matches!(error, Error::Invalid(_)) => {
            Finding::new(ROUTED, State::False, "NotAllowed", error.to_string())
        }
        _ if let Some(problem) = &outcome.names.problem => {
            Finding::new(ROUTED, State::False, problem.reason, &problem.message)
        }
        (_, Some(problem)) => {
            let state = if problem.stalled { State::False } else { State::Unknown };
            Finding::new(ROUTED, state, problem.reason, &problem.message)
        }
        _ if observed.activators.is_empty() => {
            Finding::new(ROUTED, State::Unknown, "NoActivator", "no activator is ready to take requests")
        }
        _ => Finding::new(ROUTED, State::True, "Routed", "the split is what `spec.traffic` asks for"),
    }
}

/// Whether the latest revision has all that `latest` gets. Says nothing against Ready: users are served either way.
/// `revision`: what is found of the revision that the template stands for.
fn promoted(app: &TodoApp, observed: &Observed, outcome: &Outcome, revision: &Finding) -> Finding {
    let found = |state, reason: &str, message: String| Finding::new(PROMOTED, state, reason, message);
    if latest_share(app) == 0 {
        let message = "`spec.traffic` gives all shares by name: nothing is released";
        return found(State::True, "SharesByName", message.to_owned());
    }
    let release = &outcome.release.status;
    if let (Some(candidate), Some(phase)) = (&release.candidate, release.phase) {
        let message = format!("revision '{candidate}': {}", release.message.as_deref().unwrap_or_default());
        return match phase {
            Phase::Aborted => found(State::False, "Aborted", message),
            Phase::Failed => found(State::False, "CheckFailed", message),
            phase => found(State::Unknown, &format!("{phase:?}"), message),
        };
    }
    let wanted = latest_created(app, &observed.revisions).map(ResourceExt::name_any);
    match &release.stable {
        Some(stable) if wanted.as_ref() == Some(stable) && revision.reason != NAME_TAKEN => {
            found(State::True, "Succeeded", format!("revision '{stable}' gets what `latest` gets"))
        }
        // Not ready yet, or never: then that is why.
        _ => Finding { kind: PROMOTED, ..revision.clone() },
    }
}

/// What the CRD's rules cannot know of a schedule, such as the names of time zones.
fn unscheduled(app: &TodoApp) -> Option<Finding> {
    let (_, problem) = Schedules::read(&app.spec.scaling.schedules);
    let message = format!("spec.scaling.{}; that schedule is not followed", problem?);
    Some(Finding::new(READY, State::False, "InvalidSchedule", message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::hosts::Names;
    use crate::app::traffic::Resolved;
    use crate::app::{observe, tests};
    use crate::cluster::Stores;
    use api::RolloutStatus;

    /// Ready of an app whose only other trouble is that it is new.
    fn ready(zone: &str) -> (State, String, String) {
        let schedule = json!({ "start": "08:00", "end": "18:00", "timeZone": zone, "min": 1 });
        let app = tests::app(json!({ "template": tests::template(), "scaling": { "schedules": [schedule] } }));
        let observed = observe::observe(&app, &Stores::new());
        let traffic = Resolved { targets: Vec::new(), problem: None };
        let release = rollout::Outcome { status: RolloutStatus::default(), notes: Vec::new(), again: None };
        let outcome = Outcome { traffic, release, doors: Vec::new(), names: Names::default(), refused: None };
        let found = findings(&app, &observed, &outcome);
        let ready = found.into_iter().find(|finding| finding.kind == READY).expect("always there");
        (ready.state, ready.reason, ready.message)
    }

    #[test]
    fn a_schedule_that_cannot_be_followed_is_named() {
        let (state, reason, message) = ready("Europe/Berln");
        assert_eq!((state, reason.as_str()), (State::False, "InvalidSchedule"));
        let named = "spec.scaling.schedules[0].timeZone is 'Europe/Berln': must be the name of a time zone";
        assert!(message.starts_with(named), "{message}");
        assert_eq!(ready("Europe/Berlin").0, State::Unknown);
    }
}
