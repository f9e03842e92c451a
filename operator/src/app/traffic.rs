//! `spec.traffic` → the split that is routed. Pure.

use std::borrow::Cow;

use api::labels::CANDIDATE_TAG;
use api::{Revision, RolloutStatus, TodoApp, TrafficTarget};
use kube::ResourceExt;

use super::snapshot::latest_created;

/// One resolved target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name of the Revision.
    pub revision: String,
    /// Share in percent.
    pub percent: u32,
    /// Tag.
    pub tag: Option<String>,
}

/// What became of `spec.traffic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// What is routed.
    pub targets: Vec<Target>,
    /// Why the wish of the spec is not routed yet.
    pub problem: Option<Problem>,
}

/// Why traffic stays as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One word in CamelCase.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
    /// Time alone does not mend it.
    pub stalled: bool,
}

/// Resolves names and `latest`, which a release divides between two revisions. A target that does not exist, or was never
/// ready, leaves the whole split as it was; only an app that never served is routed to its first revision at once, so that
/// early requests are held, not refused.
pub fn resolve(app: &TodoApp, revisions: &[Revision], release: &RolloutStatus) -> Resolved {
    let first = !revisions.iter().any(was_ready);
    let releases = !first && latest_share(app) > 0;
    let mut targets = Vec::new();
    let mut problem = None;
    for target in wish(app).iter() {
        let divided = divide(target, release).filter(|_| releases && target.revision.is_none());
        match divided.map_or_else(|| find(app, target, revisions, first).map(|r| vec![whole(r, target)]), Ok) {
            Ok(found) => targets.extend(found),
            Err(found) => problem = problem.or(Some(found)),
        }
    }
    match problem {
        None => Resolved { targets, problem: None },
        Some(problem) => Resolved { targets: routed(app), problem: Some(problem) },
    }
}

/// `spec.traffic`, or what holds without: everything to the latest.
fn wish(app: &TodoApp) -> Cow<'_, [TrafficTarget]> {
    if app.spec.traffic.is_empty() {
        Cow::Owned(vec![TrafficTarget { latest: Some(true), percent: 100, ..Default::default() }])
    } else {
        Cow::Borrowed(&app.spec.traffic)
    }
}

/// Percent of all requests that `latest` gets.
pub fn latest_share(app: &TodoApp) -> u32 {
    wish(app).iter().filter(|t| t.revision.is_none()).map(|t| t.percent).sum()
}

fn whole(revision: &Revision, target: &TrafficTarget) -> Target {
    Target { revision: revision.name_any(), percent: target.percent, tag: target.tag.clone() }
}

/// A `latest` target during a release: its tag leads to the candidate, its share goes to both. `None` without a release.
fn divide(target: &TrafficTarget, release: &RolloutStatus) -> Option<Vec<Target>> {
    let stable = release.stable.clone()?;
    let Some(candidate) = release.candidate.clone().filter(|_| rollout::is_live(release)) else {
        return Some(vec![Target { revision: stable, percent: target.percent, tag: target.tag.clone() }]);
    };
    let percent = rollout::share(target.percent, release.percent);
    let of_stable = Target { revision: stable, percent: target.percent - percent, tag: None };
    let of_candidate = Target { revision: candidate, percent, tag: target.tag.clone() };
    let both = [of_stable, of_candidate].into_iter();
    Some(both.filter(|t| t.percent > 0 || t.tag.is_some()).collect())
}

/// Lets the revision that is being released be reached by a tag of its own, before it has a share.
pub fn tag_candidate(targets: &mut Vec<Target>, release: &RolloutStatus) {
    let Some(candidate) = release.candidate.clone().filter(|_| rollout::is_live(release)) else { return };
    if targets.iter().all(|t| t.tag.as_deref() != Some(CANDIDATE_TAG)) {
        targets.push(Target { revision: candidate, percent: 0, tag: Some(CANDIDATE_TAG.to_owned()) });
    }
}

/// What `latest` stands for: the revision of the app's template once that was ready, and until then the one that was.
pub fn latest_ready<'a>(app: &TodoApp, revisions: &'a [Revision]) -> Option<&'a Revision> {
    let known = app.status.as_ref().and_then(|s| s.latest_ready_revision.as_ref());
    let known = || revisions.iter().find(|r| known == Some(&r.name_any()) && was_ready(r));
    let newest = || revisions.iter().rev().find(|r| was_ready(r));
    latest_created(app, revisions).filter(|r| was_ready(r)).or_else(known).or_else(newest)
}

/// A pod of it was ready once.
pub fn was_ready(revision: &Revision) -> bool {
    revision.status.as_ref().is_some_and(|s| s.was_ready)
}

fn find<'a>(
    app: &TodoApp,
    target: &TrafficTarget,
    revisions: &'a [Revision],
    first: bool,
) -> Result<&'a Revision, Problem> {
    let Some(name) = &target.revision else {
        let newest = if first { latest_created(app, revisions) } else { latest_ready(app, revisions) };
        return newest.ok_or_else(|| not_ready("the first revision is being made".to_owned()));
    };
    let Some(revision) = revisions.iter().find(|r| r.name_any() == *name) else {
        return Err(Problem {
            reason: "RevisionMissing",
            message: format!(
                "`spec.traffic` names revision '{name}', which this app does not have{}",
                known(revisions)
            ),
            stalled: true,
        });
    };
    if was_ready(revision) || first {
        return Ok(revision);
    }
    Err(not_ready(format!("revision '{name}' was not ready yet")))
}

fn not_ready(message: String) -> Problem {
    Problem { reason: "RevisionNotReady", message, stalled: false }
}

fn known(revisions: &[Revision]) -> String {
    let names: Vec<_> = revisions.iter().map(|r| format!("'{}'", r.name_any())).collect();
    if names.is_empty() { String::new() } else { format!("; it has {}", names.join(", ")) }
}

fn routed(app: &TodoApp) -> Vec<Target> {
    let traffic = app.status.iter().flat_map(|s| &s.traffic);
    traffic.map(|t| Target { revision: t.revision.clone(), percent: t.percent, tag: t.tag.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::tests::{app, revision, template};

    fn resolve_with(traffic: serde_json::Value, status: serde_json::Value, revisions: &[Revision]) -> Resolved {
        let mut app = app(json!({ "template": template(), "traffic": traffic }));
        app.status = serde_json::from_value(status).expect("a status");
        resolve(&app, revisions, &RolloutStatus::default())
    }

    fn names(resolved: &Resolved) -> Vec<(&str, u32)> {
        resolved.targets.iter().map(|t| (t.revision.as_str(), t.percent)).collect()
    }

    #[test]
    fn without_a_wish_everything_goes_to_the_latest_ready() {
        let revisions =
            [revision("shop-00001", 1, true), revision("shop-00002", 2, true), revision("shop-00003", 3, false)];
        assert_eq!(names(&resolve_with(json!([]), json!(null), &revisions)), vec![("shop-00002", 100)]);
    }

    #[test]
    fn the_very_first_revision_is_routed_before_it_is_ready() {
        let revisions = [revision("shop-00001", 1, false)];
        let resolved = resolve_with(json!([]), json!(null), &revisions);
        assert_eq!(names(&resolved), vec![("shop-00001", 100)]);
        assert!(resolved.problem.is_none());
    }

    #[test]
    fn a_missing_or_unready_target_leaves_the_split_as_it_was() {
        let revisions = [revision("shop-00001", 1, true), revision("shop-00002", 2, false)];
        let before = json!({ "traffic": [{ "revision": "shop-00001", "percent": 100 }] });
        for (name, reason) in [("shop-00009", "RevisionMissing"), ("shop-00002", "RevisionNotReady")] {
            let wish = json!([{ "revision": "shop-00001", "percent": 50 }, { "revision": name, "percent": 50 }]);
            let resolved = resolve_with(wish, before.clone(), &revisions);
            assert_eq!(names(&resolved), vec![("shop-00001", 100)]);
            let problem = resolved.problem.expect("a problem");
            assert_eq!(problem.reason, reason);
            assert!(problem.message.contains(name), "{}", problem.message);
        }
    }
}
