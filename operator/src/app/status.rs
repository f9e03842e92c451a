//! Status and Events of an app.

use std::time::Duration;

use api::condition::{self, Finding, READY, RECONCILING, REVISION_READY, ROUTED, STALLED, State};
use api::{Activity, Address, RoutedTraffic, TodoApp, TodoAppStatus, Visibility};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use policy::Schedules;

use super::hosts::Names;
use super::network::Door;
use super::observe::Observed;
use super::snapshot::latest_created;
use super::traffic::{Resolved, latest_ready};
use crate::args::Args;
use crate::context::Context;
use crate::error::Error;
use crate::events::Note;
use crate::publish::{self, Change};

/// What the reconcile came to.
pub struct Outcome {
    /// The split.
    pub traffic: Resolved,
    /// The ways in.
    pub doors: Vec<Door>,
    /// The public hosts.
    pub names: Names,
    /// What the API server, or another's object, did not allow.
    pub refused: Option<Error>,
}

/// Writes what differs; returns after which time to come again, when figures have yet to settle.
pub async fn write(
    app: &TodoApp,
    observed: &Observed,
    outcome: &Outcome,
    context: &Context,
) -> Result<Option<Duration>, Error> {
    let old = app.status.clone().unwrap_or_default();
    let new = plan(app, &old, observed, outcome, &context.args, &Time(context.clock.now()));
    let lasting = |s: &TodoAppStatus| TodoAppStatus { activity: None, replicas: 0, ..s.clone() };
    let (lasting, notes) = (lasting(&new) != lasting(&old), notes(&old, &new));
    publish::status(app, Change { new: (new != old).then_some(new), lasting, notes }, context).await
}

fn plan(
    app: &TodoApp,
    old: &TodoAppStatus,
    observed: &Observed,
    outcome: &Outcome,
    args: &Args,
    now: &Time,
) -> TodoAppStatus {
    let (name, namespace) = (app.name_any(), app.namespace().unwrap_or_default());
    let public = app.spec.ingress.visibility == Visibility::Public;
    let tag_url = |door: &Door| {
        let host = || outcome.names.tags.get(door.tag.as_ref()?);
        if public { Some(args.public_url(host()?)) } else { Some(args.cluster_url(&door.service, &namespace)) }
    };
    let found = findings(app, observed, outcome);
    let (desired, ready) = observed.pods;
    TodoAppStatus {
        observed_generation: app.metadata.generation,
        conditions: condition::merge(&old.conditions, &found, app.metadata.generation, now),
        url: outcome.names.app.as_ref().map(|host| args.public_url(host)),
        address: Some(Address { url: args.cluster_url(&name, &namespace) }),
        cluster_port: outcome.doors.iter().find(|d| d.tag.is_none()).map(|d| d.port),
        latest_created_revision: latest_created(app, &observed.revisions).map(ResourceExt::name_any),
        latest_ready_revision: latest_ready(&observed.revisions).map(ResourceExt::name_any),
        traffic: routed(outcome, tag_url),
        traffic_summary: Some(summary(outcome)).filter(|s| !s.is_empty()),
        rollout: old.rollout.clone(),
        activity: Some(activity(desired, ready)),
        replicas: ready,
    }
}

fn activity(desired: u32, ready: u32) -> Activity {
    match (desired, ready) {
        (_, 1..) => Activity::Serving,
        (1.., 0) => Activity::Waking,
        (0, 0) => Activity::Idle,
    }
}

fn routed(outcome: &Outcome, url: impl Fn(&Door) -> Option<String>) -> Vec<RoutedTraffic> {
    let entry = |target: &super::traffic::Target| {
        let door = outcome.doors.iter().find(|d| d.tag.is_some() && d.tag == target.tag);
        RoutedTraffic {
            revision: target.revision.clone(),
            percent: target.percent,
            tag: target.tag.clone(),
            url: door.and_then(&url),
            cluster_port: door.map(|d| d.port),
        }
    };
    outcome.traffic.targets.iter().map(entry).collect()
}

/// "user-v1 50 / user-v2 50"; shares of zero are left out.
fn summary(outcome: &Outcome) -> String {
    let shares = outcome.traffic.targets.iter().filter(|t| t.percent > 0);
    shares.map(|t| format!("{} {}", t.revision, t.percent)).collect::<Vec<_>>().join(" / ")
}

/// kstatus: Ready says whether it works, Reconciling and Stalled are there only while true.
fn findings(app: &TodoApp, observed: &Observed, outcome: &Outcome) -> Vec<Finding> {
    let revision = revision_ready(app, observed, outcome);
    let routed = routing(observed, outcome);
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
    [Some(ready), Some(revision), Some(routed), stalled].into_iter().flatten().collect()
}

fn revision_ready(app: &TodoApp, observed: &Observed, outcome: &Outcome) -> Finding {
    if let Some(Error::Invalid(message)) = &outcome.refused {
        return Finding::new(REVISION_READY, State::False, "RevisionNameTaken", message);
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

/// What the CRD's rules cannot know of a schedule, such as the names of time zones.
fn unscheduled(app: &TodoApp) -> Option<Finding> {
    let (_, problem) = Schedules::read(&app.spec.scaling.schedules);
    let message = format!("spec.scaling.{}; that schedule is not followed", problem?);
    Some(Finding::new(READY, State::False, "InvalidSchedule", message))
}

fn notes(old: &TodoAppStatus, new: &TodoAppStatus) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(created) =
        new.latest_created_revision.as_ref().filter(|c| Some(*c) != old.latest_created_revision.as_ref())
    {
        notes.push(Note::normal("RevisionCreated", format!("revision '{created}'")));
    }
    if let Some(split) = new.traffic_summary.as_ref().filter(|s| Some(*s) != old.traffic_summary.as_ref()) {
        notes.push(Note::normal("TrafficRouted", split));
    }
    let (before, after) = (condition::find(&old.conditions, READY), condition::find(&new.conditions, READY));
    if let Some(after) = after.filter(|a| before.is_none_or(|b| (&b.status, &b.reason) != (&a.status, &a.reason))) {
        match after.status.as_str() {
            "True" => notes.push(Note::normal("Ready", &after.message)),
            "False" => notes.push(Note::warning(&after.reason, &after.message)),
            _ => {}
        }
    }
    match (old.activity, new.activity) {
        (Some(Activity::Idle | Activity::Waking), Some(Activity::Serving)) => {
            notes.push(Note::normal("Awake", format!("{} pods ready", new.replicas)));
        }
        (Some(Activity::Serving | Activity::Waking), Some(Activity::Idle)) => {
            notes.push(Note::normal("Asleep", "no request: scaled to zero"));
        }
        _ => {}
    }
    notes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::{observe, tests};
    use crate::cluster::Stores;

    /// Ready of an app whose only other trouble is that it is new.
    fn ready(zone: &str) -> (State, String, String) {
        let schedule = json!({ "start": "08:00", "end": "18:00", "timeZone": zone, "min": 1 });
        let app = tests::app(json!({ "template": tests::template(), "scaling": { "schedules": [schedule] } }));
        let observed = observe::observe(&app, &Stores::new());
        let traffic = Resolved { targets: Vec::new(), problem: None };
        let found =
            findings(&app, &observed, &Outcome { traffic, doors: Vec::new(), names: Names::default(), refused: None });
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
