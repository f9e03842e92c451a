//! What happens to one revision, and what is decided.

use scaling::Spec;
use serde::{Deserialize, Serialize};

/// One revision over time.
#[derive(Debug, Clone)]
pub struct Trace {
    /// What events refer to; the first is in force at the beginning.
    pub specs: Vec<Spec>,
    /// In the order of time.
    pub events: Vec<Event>,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Event {
    /// Milliseconds after the beginning.
    pub at_ms: i64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A measurement of the second that contains `of_ms`.
    Observe {
        /// Milliseconds after the beginning.
        of_ms: i64,
        /// In the metric's unit.
        load: f64,
    },
    /// A decision is asked for.
    Tick {
        /// Ready pods.
        ready: u32,
        /// Whether traffic is routed to the revision.
        routed: bool,
    },
    /// The spec with this index comes into force.
    Configure(usize),
    /// A new process that knows nothing finds these pods ready.
    Restart {
        /// Ready pods.
        ready: u32,
    },
}

/// One decision.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Answer {
    /// Whether there is data to decide on; without it the rest says nothing.
    pub valid: bool,
    /// Pods wanted.
    pub desired: u32,
    /// Whether a burst is on.
    pub panic: bool,
    /// Average over the stable window.
    pub stable: f64,
    /// Average over the burst window.
    pub burst: f64,
    /// Load to aim at in one pod.
    pub target: f64,
    /// Pods within the user's bounds.
    pub bounded: u32,
}

impl Answer {
    /// Whether it is the same decision, averages up to 1e-9.
    pub fn agrees(&self, other: &Self) -> bool {
        let near = |left: f64, right: f64| (left - right).abs() <= 1e-9;
        self.valid == other.valid
            && (!self.valid
                || self.panic == other.panic
                    && self.desired == other.desired
                    && near(self.stable, other.stable)
                    && near(self.burst, other.burst)
                    && near(self.target, other.target)
                    && self.bounded == other.bounded)
    }
}

/// The first decision that differs.
pub fn first_difference(knative: &[Answer], ours: &[Answer]) -> Option<usize> {
    (0..knative.len().max(ours.len())).find(|i| match (knative.get(*i), ours.get(*i)) {
        (Some(knative), Some(ours)) => !knative.agrees(ours),
        _ => true,
    })
}
