//! Status and Events of a revision.

use std::time::Duration;

use api::condition::{self, Finding, READY, State};
use api::{Revision, RevisionStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Health;
use crate::context::Context;
use crate::error::Error;
use crate::events::Note;
use crate::publish::{self, Change};

/// Writes what differs; returns after which time to come again, when figures have yet to settle.
pub async fn write(revision: &Revision, health: &Health, context: &Context) -> Result<Option<Duration>, Error> {
    let old = revision.status.clone().unwrap_or_default();
    let new = plan(revision, &old, health, &Time(context.clock.now()));
    let lasting = |s: &RevisionStatus| RevisionStatus { desired: 0, replicas: 0, ..s.clone() };
    let (lasting, notes) = (lasting(&new) != lasting(&old), notes(&old, &new));
    publish::status(
        revision,
        Change { new: (new != old).then_some(new), lasting, notes, unless_changed: false },
        context,
    )
    .await
}

fn plan(revision: &Revision, old: &RevisionStatus, health: &Health, now: &Time) -> RevisionStatus {
    let was_ready = old.was_ready || health.ready > 0;
    let found = ready(old, health, was_ready);
    RevisionStatus {
        observed_generation: revision.metadata.generation,
        conditions: condition::merge(&old.conditions, &[found], revision.metadata.generation, now),
        was_ready,
        images: old.images.clone(),
        unrouted_since: old.unrouted_since.clone(),
        desired: health.desired,
        replicas: health.ready,
    }
}

fn ready(old: &RevisionStatus, health: &Health, was_ready: bool) -> Finding {
    let found = |state, reason: &str, message: &str| Finding::new(READY, state, reason, message);
    if let Some(failure) = &health.failure {
        return found(State::False, &failure.reason, &failure.message);
    }
    if was_ready {
        return found(State::True, "Ready", "a pod of this revision was ready");
    }
    // Nothing runs that could say more than what is known already.
    match condition::find(&old.conditions, READY) {
        Some(known) if health.desired == 0 && known.status == "False" => {
            found(State::False, &known.reason, &known.message)
        }
        _ => found(State::Unknown, "Deploying", "waiting for the first pod to be ready"),
    }
}

fn notes(old: &RevisionStatus, new: &RevisionStatus) -> Vec<Note> {
    let (before, after) = (condition::find(&old.conditions, READY), condition::find(&new.conditions, READY));
    let mut notes = Vec::new();
    if let Some(after) = after.filter(|a| before.is_none_or(|b| (&b.status, &b.reason) != (&a.status, &a.reason))) {
        match after.status.as_str() {
            "False" => notes.push(Note::warning(&after.reason, &after.message)),
            "True" => notes.push(Note::normal("RevisionReady", "answers requests")),
            _ => {}
        }
    }
    match (old.replicas, new.replicas) {
        (0, up) if up > 0 && old.was_ready => notes.push(Note::normal("Awake", format!("{up} pods ready"))),
        (down, 0) if down > 0 && new.desired == 0 => notes.push(Note::normal("Asleep", "no request: scaled to zero")),
        _ => {}
    }
    notes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::revision::health::Failure;

    fn now() -> Time {
        Time(jiff::Timestamp::UNIX_EPOCH)
    }

    fn revision() -> Revision {
        crate::revision::tests::revision(json!({ "spec": { "containers": [{ "image": "i" }] } }))
    }

    fn state(status: &RevisionStatus) -> (String, String) {
        let ready = condition::find(&status.conditions, READY).expect("always there");
        (ready.status.clone(), ready.reason.clone())
    }

    #[test]
    fn ready_once_stays_ready_while_asleep() {
        let serving = plan(
            &revision(),
            &RevisionStatus::default(),
            &Health { desired: 1, ready: 1, ..Health::default() },
            &now(),
        );
        assert_eq!(state(&serving).0, "True");
        let asleep = plan(&revision(), &serving, &Health::default(), &now());
        assert_eq!(state(&asleep), state(&serving));
        assert_eq!(notes(&serving, &asleep), vec![Note::normal("Asleep", "no request: scaled to zero")]);
    }

    #[test]
    fn a_failure_is_kept_until_something_runs_again() {
        let failure = Failure { reason: "ImagePullBackOff".into(), message: "no such image".into() };
        let failing = Health { desired: 1, failure: Some(failure), ..Health::default() };
        let failed = plan(&revision(), &RevisionStatus::default(), &failing, &now());
        assert_eq!(state(&failed), ("False".into(), "ImagePullBackOff".into()));
        let gone = plan(&revision(), &failed, &Health::default(), &now());
        assert_eq!(state(&gone), state(&failed));
        let again = plan(&revision(), &gone, &Health { desired: 1, ..Health::default() }, &now());
        assert_eq!(state(&again), ("Unknown".into(), "Deploying".into()));
    }
}
