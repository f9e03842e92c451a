//! What the facts mean. Each check has a code that stays the same, and each finding says how to mend it.

use std::time::Duration;

use api::TodoApp;
use api::condition::{self, READY, STALLED};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use serde::Serialize;

use super::facts::{Facts, Known};
use super::platform;
use super::rights::Right;

/// A Lease is looked at anew when it was not renewed for so long; the leader does so each two seconds.
pub const LEASE_FRESH: Duration = Duration::from_secs(10);
/// Objects that a finding names at most.
const NAMED_MAX: usize = 10;

/// Checks that belong together.
#[derive(Debug, Serialize)]
pub struct Group {
    pub title: &'static str,
    pub findings: Vec<Finding>,
}

/// One check and what came of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: &'static str,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a check.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// As it should be.
    Good { what: String },
    /// Works, but not as well as it could; or could not be looked at.
    Hint { what: String, fix: String },
    /// Does not work.
    Error { what: String, fix: String },
}

impl Outcome {
    pub fn good(what: impl Into<String>) -> Self {
        Self::Good { what: what.into() }
    }

    pub fn hint(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Hint { what: what.into(), fix: fix.into() }
    }

    pub fn error(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Error { what: what.into(), fix: fix.into() }
    }
}

/// All checks.
pub fn groups(facts: &Facts) -> Vec<Group> {
    let finding = |(code, outcome)| Finding { code, outcome };
    let group = |title, found: Vec<(&'static str, Outcome)>| Group {
        title,
        findings: found.into_iter().map(finding).collect(),
    };
    vec![
        group(
            "Cluster",
            vec![
                ("T001", platform::version(facts)),
                ("T002", platform::crds_there(facts)),
                ("T003", platform::crds_fit(facts)),
            ],
        ),
        group(
            "Operator",
            vec![
                ("T004", platform::deployed(&facts.operator, &facts.system, "operator")),
                ("T005", platform::lease(facts)),
                ("T006", platform::hub(facts)),
                ("T007", platform::settings(facts)),
            ],
        ),
        group(
            "Activators",
            vec![
                ("T008", platform::deployed(&facts.activator, &facts.system, "activator")),
                ("T009", platform::redundant(facts)),
            ],
        ),
        group("Your rights", vec![("T010", rights(&facts.rights))]),
        group("Apps", vec![("T011", stalled(&facts.apps)), ("T012", waiting(&facts.apps)), ("T013", sidecars(facts))]),
    ]
}

/// The fact, or that it could not be looked at.
pub fn known<'a, T>(fact: &'a Known<T>, what: &str) -> Result<&'a T, Outcome> {
    let fix = "get that right, or have somebody else run this check";
    fact.as_ref().map_err(|why| Outcome::hint(format!("{what} cannot be looked at: {why}"), fix))
}

fn rights(rights: &[(Right, Known<bool>)]) -> Outcome {
    if let Some(why) = rights.iter().find_map(|(_, allowed)| allowed.as_ref().err()) {
        return Outcome::hint(
            format!("the cluster does not say what you may do: {why}"),
            "ask for `create` on selfsubjectaccessreviews",
        );
    }
    let missing = rights.iter().filter(|(_, allowed)| *allowed == Ok(false));
    let missing: Vec<_> = missing
        .map(|(right, _)| {
            let place = if right.system { " where todoapp is installed" } else { "" };
            format!("`{}` on `{}`{place} (for {})", right.verb, right.shown(), right.needed)
        })
        .collect();
    if missing.is_empty() {
        return Outcome::good("every verb of this command may be used");
    }
    let fix = "the roles `view` and `edit` have those on TodoApps; the README has a Role for the others";
    Outcome::hint(format!("missing: {}", missing.join("; ")), fix)
}

/// Apps for which nothing more happens by itself.
fn stalled(apps: &Known<Vec<TodoApp>>) -> Outcome {
    let apps = match known(apps, "apps") {
        Ok(apps) => apps,
        Err(outcome) => return outcome,
    };
    let stalled: Vec<_> = apps.iter().filter_map(|app| told(app, STALLED, "True")).collect();
    if stalled.is_empty() {
        return Outcome::good(format!("no app of {} is stalled", apps.len()));
    }
    let fix = "mend what the reason names; `todoapp get APP` and `todoapp logs APP` show more";
    Outcome::error(named("stalled", &stalled), fix)
}

/// Apps that are not ready, and may get there.
fn waiting(apps: &Known<Vec<TodoApp>>) -> Outcome {
    let apps = match known(apps, "apps") {
        Ok(apps) => apps,
        Err(outcome) => return outcome,
    };
    let open = apps.iter().filter(|app| told(app, STALLED, "True").is_none());
    let waiting: Vec<_> = open.filter_map(not_ready).collect();
    if waiting.is_empty() {
        return Outcome::good("every other app is ready");
    }
    Outcome::hint(named("not ready yet", &waiting), "wait, and run this again; `todoapp get APP -w` shows how it goes")
}

fn not_ready(app: &TodoApp) -> Option<String> {
    let status = app.status.clone().unwrap_or_default();
    if status.observed_generation != app.metadata.generation {
        return Some(format!("{}: the operator has not looked at it", full_name(app)));
    }
    if condition::is_true(&status.conditions, READY) {
        return None;
    }
    told(app, READY, "False").or_else(|| told(app, READY, "Unknown")).or_else(|| Some(full_name(app)))
}

/// What a condition says, where it has this value.
fn told(app: &TodoApp, kind: &str, value: &str) -> Option<String> {
    let condition = condition::find(&app.status.as_ref()?.conditions, kind).filter(|found| found.status == value)?;
    Some(format!("{}: {}: {}", full_name(app), condition.reason, condition.message))
}

/// Deployments that run another sidecar than the operator weaves in.
fn sidecars(facts: &Facts) -> Outcome {
    let (deployments, operator) = match (known(&facts.deployments, "deployments"), known(&facts.operator, "operator")) {
        (Ok(deployments), Ok(operator)) => (deployments, operator),
        (Err(outcome), _) | (_, Err(outcome)) => return outcome,
    };
    let Some(current) = operator.as_ref().and_then(platform::sidecar) else {
        return Outcome::hint(
            "the operator's Deployment names no sidecar",
            "install it with the chart of this version",
        );
    };
    let differs = |deployment: &&Deployment| platform::woven(deployment).is_some_and(|image| image != current);
    let old: Vec<_> = deployments.iter().filter(differs).map(full_name).collect();
    if old.is_empty() {
        return Outcome::good(format!("all of {} revisions have the sidecar {current}", deployments.len()));
    }
    let fix = "nothing has to be done: each gets the new one when it sleeps next";
    Outcome::hint(named(&format!("with another sidecar than {current}"), &old), fix)
}

fn full_name(object: &impl ResourceExt) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

fn named(what: &str, objects: &[String]) -> String {
    let rest = objects.len().saturating_sub(NAMED_MAX);
    let rest = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    let shown: Vec<_> = objects.iter().take(NAMED_MAX).map(String::as_str).collect();
    format!("{} {what}: {}{rest}", objects.len(), shown.join("; "))
}
