//! Status and Events of an app.

use std::time::Duration;

use api::condition::{self, READY};
use api::{Activity, Address, RoutedTraffic, TodoApp, TodoAppStatus, Visibility};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::conditions::findings;
use super::hosts::Names;
use super::network::Door;
use super::observe::Observed;
use super::release;
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
    /// Where the release stands.
    pub release: rollout::Outcome,
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
    let (lasting, notes) = (lasting(&new) != lasting(&old), notes(&old, &new, &outcome.release.notes));
    // Two looks at one step must not both take it.
    let unless_changed = new.rollout != old.rollout;
    let new = (new != old).then_some(new);
    let again = publish::status(app, Change { new, lasting, notes, unless_changed }, context).await?;
    if again.is_none() {
        for note in &outcome.release.notes {
            context.metrics.releases.with_label_values(&[note.reason]).inc();
        }
    }
    Ok(again)
}

pub(super) fn plan(
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
    let pods = observed.pods();
    TodoAppStatus {
        observed_generation: app.metadata.generation,
        conditions: condition::merge(&old.conditions, &found, app.metadata.generation, now),
        url: outcome.names.app.as_ref().map(|host| args.public_url(host)),
        address: Some(Address { url: args.cluster_url(&name, &namespace) }),
        cluster_port: outcome.doors.iter().find(|d| d.tag.is_none()).map(|d| d.port),
        latest_created_revision: latest_created(app, &observed.revisions).map(ResourceExt::name_any),
        latest_ready_revision: latest_ready(app, &observed.revisions).map(ResourceExt::name_any),
        traffic: routed(outcome, tag_url),
        traffic_summary: Some(summary(outcome)).filter(|s| !s.is_empty()),
        rollout: release::record(app, &outcome.release.status),
        activity: Some(activity(pods.wanted, pods.ready)),
        replicas: pods.ready,
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

/// "user-v1 50 / user-v2 50", a revision once; shares of zero are left out.
fn summary(outcome: &Outcome) -> String {
    let mut shares: Vec<(&str, u32)> = Vec::new();
    for target in outcome.traffic.targets.iter().filter(|t| t.percent > 0) {
        match shares.iter_mut().find(|(revision, _)| *revision == target.revision) {
            Some((_, share)) => *share += target.percent,
            None => shares.push((&target.revision, target.percent)),
        }
    }
    shares.iter().map(|(revision, share)| format!("{revision} {share}")).collect::<Vec<_>>().join(" / ")
}

pub(super) fn notes(old: &TodoAppStatus, new: &TodoAppStatus, of_release: &[rollout::Note]) -> Vec<Note> {
    let note = |n: &rollout::Note| Note { reason: n.reason.to_owned(), text: n.text.clone(), warning: n.warning };
    let mut notes: Vec<_> = of_release.iter().map(note).collect();
    let created = new.latest_created_revision.as_ref().filter(|c| Some(*c) != old.latest_created_revision.as_ref());
    // Who goes back to a revision that is there makes none.
    if let Some(created) = created.filter(|_| of_release.iter().all(|n| n.reason != "RolledBack")) {
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
