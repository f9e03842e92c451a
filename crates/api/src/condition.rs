//! Condition types and their merge; kstatus rules (Ready, Reconciling, Stalled) hold.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The app answers requests, or would after a wake.
pub const READY: &str = "Ready";
/// The latest Revision was ready once.
pub const REVISION_READY: &str = "RevisionReady";
/// `spec.traffic` is resolved and routed.
pub const ROUTED: &str = "Routed";
/// The latest Revision serves all that `latest` gets.
pub const PROMOTED: &str = "Promoted";
/// Work is under way; present only while true.
pub const RECONCILING: &str = "Reconciling";
/// Nothing more happens without a change by a person; present only while true.
pub const STALLED: &str = "Stalled";

/// Reason of a Revision whose pod no node takes.
pub const UNSCHEDULABLE: &str = "Unschedulable";
/// Reasons of a Revision whose pod has no node (the scheduler's names): one may come at any time, a cluster autoscaler
/// takes minutes for it.
pub const UNPLACED: [&str; 3] = [UNSCHEDULABLE, "SchedulerError", "SchedulingGated"];

/// A condition's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// Not known yet.
    Unknown,
}

impl State {
    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a decision found, before time and generation are put to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Condition type.
    pub kind: &'static str,
    /// Value.
    pub state: State,
    /// One word in CamelCase.
    pub reason: String,
    /// A sentence with the particular object, image or limit.
    pub message: String,
}

impl Finding {
    /// Shorthand.
    pub fn new(kind: &'static str, state: State, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, state, reason: reason.into(), message: message.into() }
    }
}

/// The conditions to write: those found, each keeping its transition time while its value is the same.
pub fn merge(old: &[Condition], found: &[Finding], generation: Option<i64>, now: &Time) -> Vec<Condition> {
    let since = |f: &Finding| {
        old.iter()
            .find(|c| c.type_ == f.kind && c.status == f.state.as_str())
            .map_or_else(|| now.clone(), |c| c.last_transition_time.clone())
    };
    let condition = |f: &Finding| Condition {
        type_: f.kind.to_owned(),
        status: f.state.as_str().to_owned(),
        reason: f.reason.clone(),
        message: f.message.clone(),
        last_transition_time: since(f),
        observed_generation: generation,
    };
    found.iter().map(condition).collect()
}

/// The condition of this type.
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == kind)
}

/// Whether the condition of this type is there and True.
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    find(conditions, kind).is_some_and(|c| c.status == "True")
}
