//! The release of an app's latest revision: what is so in the cluster, put before the step machine (crate `rollout`).

use std::net::SocketAddr;

use api::labels::SIDECAR_PORT;
use api::rollout::Strategy;
use api::{Revision, RolloutStatus, TodoApp};
use kube::{Resource, ResourceExt};
use rollout::{Facts, Outcome, Spec};

use super::observe::{Observed, Pods, number};
use super::traffic;
use crate::context::Context;
use crate::tallies::Step;

/// Where the release stands now. Sends the probes of a check that is due, which takes seconds at most.
pub async fn advance(app: &TodoApp, observed: &Observed, context: &Context) -> Outcome {
    let spec = Spec::from(&app.spec.rollout);
    let old = recorded(app);
    let latest = Some(app).filter(|app| traffic::latest_share(app) > 0);
    let latest = latest.and_then(|app| traffic::latest_ready(app, &observed.revisions));
    let stable = stable(app, &old, &observed.revisions);
    if rollout::is_check_due(&spec, &old, context.clock.now()) {
        probe(app, latest, context).await;
    }
    let (candidate_pods, stable_pods) = (pods(observed, latest), pods(observed, stable));
    let mut facts = Facts {
        now: context.clock.now(),
        latest: latest.and_then(name),
        stable: stable.and_then(name),
        is_rollback: latest.zip(stable).is_some_and(|(latest, stable)| number(latest) < number(stable)),
        ready: candidate_pods.ready,
        candidate_pods: candidate_pods.wanted,
        stable_pods: stable_pods.wanted,
        max: policy::spec(&app.spec.scaling, &context.settings.borrow(), app.spec.concurrency_limit).max,
        ..Facts::default()
    };
    match latest.zip(stable).filter(|(latest, _)| rollout::is_live(&old) && old.candidate.as_deref() == name(latest)) {
        Some((candidate, stable)) => {
            let uid = |object: Option<String>| object.unwrap_or_default();
            let step = Step { app: uid(app.uid()), candidate: uid(candidate.uid()), stable: uid(stable.uid()) };
            (facts.candidate_did, facts.stable_did, facts.probes) =
                context.tallies.since(step, &old, &context.outcomes);
        }
        None => context.tallies.forget(&app.uid().unwrap_or_default()),
    }
    rollout::advance(&spec, app.spec.rollout.action.as_ref(), &old, &facts)
}

/// Asks the ready pods of the candidate, if the app wants that.
async fn probe(app: &TodoApp, candidate: Option<&Revision>, context: &Context) {
    let probe = app.spec.rollout.analysis.as_ref().and_then(|analysis| analysis.probe.clone());
    let (Some(probe), Some(candidate)) = (probe, candidate) else { return };
    let ready = context.stores.ready_endpoints(&candidate.uid().unwrap_or_default());
    let pods = ready.flat_map(|e| e.addresses).filter_map(|ip| Some(SocketAddr::new(ip.parse().ok()?, SIDECAR_PORT)));
    let host = format!("{}.{}", app.name_any(), app.namespace().unwrap_or_default());
    let probes = (context.prober)(probe, pods.collect(), host).await;
    context.tallies.probed(&app.uid().unwrap_or_default(), probes);
}

/// What the status has of releases.
fn recorded(app: &TodoApp) -> RolloutStatus {
    app.status.as_ref().and_then(|s| s.rollout.clone()).unwrap_or_default()
}

/// What the status is to have of it: nothing where all is said by the latest revision that is ready.
pub fn record(app: &TodoApp, status: &RolloutStatus) -> Option<RolloutStatus> {
    let rollout = &app.spec.rollout;
    let plain = rollout.strategy.unwrap_or_default() == Strategy::Immediate && rollout.action.is_none();
    Some(status.clone()).filter(|status| !plain || status.candidate.is_some())
}

/// The revision that an abort goes back to: the one promoted last; where shares are given by name, that with the largest;
/// where no release was recorded, the latest that was ready.
fn stable<'a>(app: &TodoApp, old: &RolloutStatus, revisions: &'a [Revision]) -> Option<&'a Revision> {
    let status = app.status.as_ref()?;
    let largest = status.traffic.iter().max_by_key(|t| t.percent).map(|t| &t.revision);
    let named = if traffic::latest_share(app) == 0 { largest } else { old.stable.as_ref() };
    let wanted = named.or(status.latest_ready_revision.as_ref())?;
    revisions.iter().find(|r| r.name_any() == *wanted && traffic::was_ready(r))
}

fn name(revision: &Revision) -> Option<&str> {
    revision.meta().name.as_deref()
}

fn pods(observed: &Observed, revision: Option<&Revision>) -> Pods {
    revision.and_then(name).map_or_else(Pods::default, |name| observed.pods_of(name))
}
