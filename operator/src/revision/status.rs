//! Status and Events of a revision.

use std::time::Duration;

use api::condition::{self, Finding, READY, State};
use api::{ResolvedImage, Revision, RevisionStatus, TodoApp, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::Health;
use crate::app::in_use;
use crate::context::Context;
use crate::digest;
use crate::error::Error;
use crate::events::Note;
use crate::publish::{self, Change};
use crate::store::Key;

/// Writes what differs; returns after which time to come again, when figures have yet to settle.
pub async fn write(revision: &Revision, health: &Health, context: &Context) -> Result<Option<Duration>, Error> {
    let old = revision.status.clone().unwrap_or_default();
    let app = revision.labels().get(labels::APP).map(|app| Key::new(revision.namespace().unwrap_or_default(), app));
    let app = app.and_then(|app| context.stores.apps.get(&app));
    let new = plan(revision, app.as_ref(), &old, health, &Time(context.clock.now()));
    let lasting = |s: &RevisionStatus| RevisionStatus { desired: 0, replicas: 0, ..s.clone() };
    let (lasting, notes) = (lasting(&new) != lasting(&old), notes(&old, &new));
    publish::status(
        revision,
        Change { new: (new != old).then_some(new), lasting, notes, unless_changed: false },
        context,
    )
    .await
}

/// Writes what the tags stand for, onto the very object that was looked at: it is written once.
pub async fn write_images(revision: &mut Revision, images: Vec<ResolvedImage>, context: &Context) -> Result<(), Error> {
    let new = RevisionStatus { images, ..revision.status.clone().unwrap_or_default() };
    *revision = publish::write(&*revision, &new, "write images of", true, context).await?;
    Ok(())
}

fn plan(
    revision: &Revision,
    app: Option<&TodoApp>,
    old: &RevisionStatus,
    health: &Health,
    now: &Time,
) -> RevisionStatus {
    let was_ready = old.was_ready || health.ready > 0;
    let found = ready(old, health, was_ready);
    RevisionStatus {
        observed_generation: revision.metadata.generation,
        conditions: condition::merge(&old.conditions, &[found], revision.metadata.generation, now),
        was_ready,
        images: old.images.clone(),
        unrouted_since: unrouted_since(revision, app, old, now),
        desired: health.desired,
        replicas: health.ready,
    }
}

/// Since when it has not been in use. One that is new may not be known to the app's status yet; of an app that is gone
/// nothing is known.
fn unrouted_since(revision: &Revision, app: Option<&TodoApp>, old: &RevisionStatus, now: &Time) -> Option<Time> {
    match app {
        Some(app) if in_use(app, &revision.name_any()) => None,
        Some(_) if old.conditions.is_empty() => None,
        Some(_) => old.unrouted_since.clone().or_else(|| Some(now.clone())),
        None => old.unrouted_since.clone(),
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
    let known = condition::find(&old.conditions, READY).filter(|known| known.status == "False");
    match known {
        // Nothing runs, or has an answer, that could say more than what is known already.
        Some(known) if health.desired == 0 && digest::REASONS.contains(&&*known.reason) == health.resolving => {
            found(State::False, &known.reason, &known.message)
        }
        _ if health.resolving => found(State::Unknown, "ResolvingImages", "asking registries what its tags stand for"),
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
            None,
            &RevisionStatus::default(),
            &Health { desired: 1, ready: 1, ..Health::default() },
            &now(),
        );
        assert_eq!(state(&serving).0, "True");
        let asleep = plan(&revision(), None, &serving, &Health::default(), &now());
        assert_eq!(state(&asleep), state(&serving));
        assert_eq!(notes(&serving, &asleep), vec![Note::normal("Asleep", "no request: scaled to zero")]);
    }

    #[test]
    fn why_images_are_not_resolved_is_told_until_they_are() {
        let next = |old: &RevisionStatus, health: &Health| plan(&revision(), None, old, health, &now());
        let problem = digest::Problem { reason: "ImageNotFound", message: "no such tag".into() };
        let asked = next(&RevisionStatus::default(), &Health::resolving(None));
        assert_eq!(state(&asked), ("Unknown".into(), "ResolvingImages".into()));
        let failed = next(&asked, &Health::resolving(Some(problem)));
        assert_eq!(state(&failed), ("False".into(), "ImageNotFound".into()));
        let asked_by_another_leader = next(&failed, &Health::resolving(None));
        assert_eq!(state(&asked_by_another_leader), state(&failed));
        let resolved = next(&failed, &Health::default());
        assert_eq!(state(&resolved), ("Unknown".into(), "Deploying".into()));
    }

    #[test]
    fn the_last_use_is_noted_once_and_only_of_what_is_known() {
        let since = |app: Option<&TodoApp>, old: &RevisionStatus, second: i64| {
            let now = Time(jiff::Timestamp::from_second(second).expect("a time"));
            plan(&revision(), app, old, &Health::default(), &now)
        };
        let idle = crate::app::tests::app(json!({ "template": crate::app::tests::template() }));
        let mut routed = idle.clone();
        routed.status = serde_json::from_value(json!({ "traffic": [{ "revision": "shop-00007", "percent": 1 }] }))
            .expect("a status");
        let new = since(Some(&idle), &RevisionStatus::default(), 1);
        assert_eq!(new.unrouted_since, None, "new");
        let unused = since(Some(&idle), &new, 2);
        assert_eq!(unused.unrouted_since.as_ref().map(|t| t.0.as_second()), Some(2));
        assert_eq!(since(Some(&idle), &unused, 3).unrouted_since, unused.unrouted_since);
        assert_eq!(since(None, &unused, 3).unrouted_since, unused.unrouted_since, "the app is gone");
        assert_eq!(since(Some(&routed), &unused, 3).unrouted_since, None);
    }

    #[test]
    fn a_failure_is_kept_until_something_runs_again() {
        let failure = Failure { reason: "ImagePullBackOff".into(), message: "no such image".into() };
        let failing = Health { desired: 1, failure: Some(failure), ..Health::default() };
        let failed = plan(&revision(), None, &RevisionStatus::default(), &failing, &now());
        assert_eq!(state(&failed), ("False".into(), "ImagePullBackOff".into()));
        let gone = plan(&revision(), None, &failed, &Health::default(), &now());
        assert_eq!(state(&gone), state(&failed));
        let again = plan(&revision(), None, &gone, &Health { desired: 1, ..Health::default() }, &now());
        assert_eq!(state(&again), ("Unknown".into(), "Deploying".into()));
    }
}
