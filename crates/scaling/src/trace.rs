//! Why a decision was taken: all that went in, what decided, what came out.

use std::fmt;
use std::time::Duration;

/// The rule that had the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The average over the stable window.
    Load,
    /// A burst: no scale-in until it has passed.
    Burst,
    /// Requests that no ready pod can take.
    Demand,
    /// A start in progress is left alone.
    Starting,
    /// No load, but the grace has not passed.
    Grace,
    /// No load for the window and the grace.
    Idle,
    /// At zero, and nobody asks.
    Asleep,
    /// Ready pods do not report: no data is not zero.
    Unreported,
    /// The one who decides has just taken over and may not know everything yet.
    Settling,
    /// Raised to the user's minimum.
    Minimum,
    /// Lowered to the user's maximum.
    Maximum,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Load,
        Self::Burst,
        Self::Demand,
        Self::Starting,
        Self::Grace,
        Self::Idle,
        Self::Asleep,
        Self::Unreported,
        Self::Settling,
        Self::Minimum,
        Self::Maximum,
    ];

    /// One lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Burst => "burst",
            Self::Demand => "demand",
            Self::Starting => "starting",
            Self::Grace => "grace",
            Self::Idle => "idle",
            Self::Asleep => "asleep",
            Self::Unreported => "unreported",
            Self::Settling => "settling",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
        }
    }
}

/// The record of one decision. [`fmt::Display`] makes a sentence of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record {
    /// When, on the caller's count.
    pub at: Duration,
    /// Requests held by activators.
    pub held: u32,
    /// Requests in the pods.
    pub in_flight: u32,
    /// Pods that take requests.
    pub ready: u32,
    /// Pods that report.
    pub reporting: u32,
    /// Pods wanted before.
    pub before: u32,
    /// Average over the stable window, requests at a time.
    pub stable: f32,
    /// Average over the burst window, requests at a time.
    pub burst: f32,
    /// Requests at a time that `wanted` is for.
    pub load: f32,
    /// Requests at a time to aim at in one pod.
    pub per_pod: f32,
    /// Pods wanted by load, burst or demand.
    pub wanted: u32,
    /// Whether a burst is on.
    pub burst_on: bool,
    /// Whether traffic is routed to the revision.
    pub routed: bool,
    /// Minimum that held.
    pub min: u32,
    /// Maximum; 0 means none.
    pub max: u32,
    /// Time left of a grace, for [`Reason::Grace`].
    pub left: Duration,
    /// What had the last word.
    pub reason: Reason,
    /// Pods decided on.
    pub desired: u32,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held {}, in flight {}", self.held, self.in_flight)?;
        if self.reason != Reason::Demand {
            write!(f, ", average {} (burst window {})", number(self.stable), number(self.burst))?;
        }
        write!(f, " → wanted {} ({}/{})", self.wanted, number(self.load), number(self.per_pod))?;
        if self.burst_on {
            write!(f, ", burst on")?;
        }
        if !self.routed {
            write!(f, ", not routed")?;
        }
        match self.reason {
            Reason::Starting => write!(f, ", a start is in progress")?,
            Reason::Grace => write!(f, ", idle, {} s of grace left", self.left.as_secs_f64().ceil())?,
            Reason::Idle => write!(f, ", idle for the window and the grace")?,
            Reason::Unreported => write!(f, ", {} of {} ready pods report", self.reporting, self.ready)?,
            Reason::Settling => write!(f, ", just taken over")?,
            Reason::Load | Reason::Burst | Reason::Demand | Reason::Asleep | Reason::Minimum | Reason::Maximum => {}
        }
        if self.min > 0 {
            write!(f, ", min {}", self.min)?;
        }
        if self.max > 0 {
            write!(f, ", max {}", self.max)?;
        }
        write!(f, " → {}", self.desired)
    }
}

/// At most two decimals.
fn number(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}
