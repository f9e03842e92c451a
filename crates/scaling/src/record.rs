//! Why a decision was taken: all that went in, what each rule said, what came out.

use std::fmt;
use std::time::Duration;

use crate::reason::Reason;
use crate::resource;
use crate::spec::Metric;

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
    /// Pods whose use of the resource that is the metric is known.
    pub measured: u32,
    /// Average over the stable window, in the metric's unit; of a resource what `measured` pods use, percent.
    pub stable: f32,
    /// Average over the burst window, in the metric's unit; 0 of a resource.
    pub burst: f32,
    /// Load that `wanted` is for.
    pub load: f32,
    /// Load to aim at in one pod.
    pub per_pod: f32,
    /// Pods for the stable average alone.
    pub by_stable: u32,
    /// Pods for the burst average alone.
    pub by_burst: u32,
    /// Pods for the requests of the moment; 0 if none waits for a pod.
    pub by_demand: u32,
    /// Fewest pods that the down rate allows at once.
    pub lowest: u32,
    /// Most pods that the up rate allows at once.
    pub highest: u32,
    /// Fewest pods while there is load, if that is more than one; else 0.
    pub activation: u32,
    /// Pods that a burst holds; 0 without one.
    pub burst_pods: u32,
    /// Pods at which the scale-down delay held it; 0 if it did not.
    pub delayed: u32,
    /// Pods wanted by load, burst, delay or demand.
    pub wanted: u32,
    /// Pods of a start in progress, the initial ones included; 0 without one.
    pub starting: u32,
    /// Seconds until a start that failed may be made again; 0 if none did or the time has come.
    pub retry_in_s: u32,
    /// Minimum that held.
    pub min: u32,
    /// Maximum; 0 means none.
    pub max: u32,
    /// Time left of the grace; zero if it does not run or is over.
    pub grace_left: Duration,
    /// Time left of the retention; zero if it does not run or is over.
    pub retention_left: Duration,
    /// What load is measured in.
    pub metric: Metric,
    /// Whether a burst is on.
    pub burst_on: bool,
    /// Whether traffic is routed to the revision.
    pub routed: bool,
    /// What had the last word.
    pub reason: Reason,
    /// Pods decided on.
    pub desired: u32,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held {}, in flight {}", self.held, self.in_flight)?;
        match self.metric {
            Metric::Concurrency => self.explain_load(f, "")?,
            Metric::RequestRate => self.explain_load(f, "/s")?,
            Metric::Cpu => self.explain_usage(f, "cpu")?,
            Metric::Memory => self.explain_usage(f, "memory")?,
        }
        self.explain_wanted(f)?;
        self.explain_hold(f)?;
        if self.min > 0 {
            write!(f, ", {}min {}", if self.reason == Reason::Schedule { "schedule " } else { "" }, self.min)?;
        }
        if self.max > 0 {
            write!(f, ", max {}", self.max)?;
        }
        write!(f, " → {}", self.desired)
    }
}

impl Record {
    fn explain_load(&self, f: &mut fmt::Formatter<'_>, unit: &str) -> fmt::Result {
        if self.reason != Reason::Demand {
            write!(f, ", average {}{unit} (burst window {}{unit})", number(self.stable), number(self.burst))?;
        }
        write!(f, " → wanted {} ({}/{})", self.wanted, number(self.load), number(self.per_pod))
    }

    fn explain_usage(&self, f: &mut fmt::Formatter<'_>, resource: &str) -> fmt::Result {
        if self.reason == Reason::Demand {
            return write!(f, " → wanted {}", self.wanted);
        }
        if self.measured == 0 {
            return write!(f, ", {resource} not known → wanted {}", self.wanted);
        }
        write!(f, ", {resource} {} % of requests, target {} %", self.stable, number(self.per_pod))?;
        if resource::is_on_target(f64::from(self.stable) / f64::from(self.per_pod)) {
            write!(f, " within the tolerance")?;
        }
        if self.measured < self.ready {
            write!(f, ", of {} of {} ready pods", self.measured, self.ready)?;
        }
        write!(f, " → wanted {}", self.wanted)
    }

    /// What moved the number of pods that the load alone asks for.
    fn explain_wanted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.by_stable.max(if self.burst_on { self.by_burst } else { 0 }).max(self.by_demand);
        // Zero where no rate was in question: requests ask for a pod, whatever the use.
        if self.highest > 0 && asked > self.highest {
            write!(f, ", at most {} at once", self.highest)?;
        }
        if asked < self.lowest && self.wanted == self.lowest {
            write!(f, ", at least {} at once", self.lowest)?;
        }
        if asked > 0 && asked < self.activation {
            write!(f, ", activation {}", self.activation)?;
        }
        if self.burst_on {
            write!(f, ", burst on")?;
        }
        if self.delayed > 0 {
            write!(f, ", delay holds {}", self.delayed)?;
        }
        Ok(())
    }

    /// What keeps pods that are not wanted.
    fn explain_hold(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.routed {
            write!(f, ", not routed")?;
        }
        match self.reason {
            Reason::Starting => write!(f, ", a start of {} is in progress", self.starting),
            Reason::Failed => write!(f, ", no pod was ready in time, {}", Next(self.retry_in_s)),
            Reason::Grace => write!(f, ", idle, {} s of grace left", seconds(self.grace_left)),
            Reason::Retention => write!(f, ", idle, {} s of retention left", seconds(self.retention_left)),
            Reason::Idle => write!(f, ", idle for the window and the grace"),
            Reason::Unreported if self.metric.is_resource() && self.measured == 0 => Ok(()),
            Reason::Unreported => write!(f, ", {} of {} ready pods report", self.reporting, self.ready),
            Reason::Settling => write!(f, ", just taken over"),
            Reason::Load
            | Reason::Burst
            | Reason::Delay
            | Reason::Demand
            | Reason::Asleep
            | Reason::Minimum
            | Reason::Schedule
            | Reason::Maximum => Ok(()),
        }
    }
}

/// When a start may be made again.
struct Next(u32);

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return write!(f, "tried again with the next request");
        }
        write!(f, "not tried again for {} s", self.0)
    }
}

/// At most two decimals.
fn number(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

/// A second that has begun counts.
fn seconds(time: Duration) -> f64 {
    time.as_secs_f64().ceil()
}
