//! What `/metrics` shows. Labels come from objects in the cluster or from enums, never from a client.
//!
//! Series of a revision exist from its first request until the revision is gone, so that apps that nobody calls
//! cost nothing.

mod instruments;

use std::time::Duration;

use http::StatusCode;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use runtime::durations::{Durations, MethodLabel};

pub(crate) use self::instruments::registered;

/// How a hold may end.
const ENDS: [(Woke, &str); 4] =
    [(Woke::Ready, "released"), (Woke::Failed, "failed"), (Woke::Timeout, "timeout"), (Woke::Departed, "departed")];
/// Classes of status, as labels.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// How a wake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woke {
    /// A pod answered.
    Ready,
    /// The revision cannot start.
    Failed,
    /// The last one who waited met the deadline.
    Timeout,
    /// The last one who waited left.
    Departed,
}

impl Woke {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Departed => "departed",
        }
    }
}

/// Part of a cold start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// From the first request to its demand on the way to the hub.
    Demand,
    /// From there to the hub's word that pods are wanted.
    Scale,
    /// From there to the first pod that takes requests.
    Pod,
    /// The three together: from the first request to the first pod.
    Wake,
    /// From that pod to the request's way out.
    Release,
    /// From there to the head of the app's answer.
    App,
}

impl Phase {
    const fn label(self) -> &'static str {
        match self {
            Self::Demand => "demand",
            Self::Scale => "scale",
            Self::Pod => "pod",
            Self::Wake => "wake",
            Self::Release => "release",
            Self::App => "app",
        }
    }
}

/// Every instrument of the process; handles without labels of their own are resolved here, once.
#[derive(Debug)]
pub(crate) struct Metrics {
    held: IntGaugeVec,
    hold_seconds: HistogramVec,
    cold_starts: IntCounterVec,
    rejected: IntCounterVec,
    retries: IntCounterVec,
    requests: IntCounterVec,
    phases: HistogramVec,
    durations: Durations,
    holds: [IntCounter; ENDS.len()],
    errors: IntCounterVec,
    /// Watches that ended with an error and were begun again.
    pub(crate) watch_errors: IntCounter,
    /// 1 while the stream to the hub is up.
    pub(crate) hub_connected: IntGauge,
    /// Announcements of the hub that were forgotten because too many concerned revisions not known here.
    pub(crate) hub_forgotten: IntCounter,
    /// Ports of apps that could not be listened on.
    pub(crate) port_errors: IntCounter,
}

/// What one revision counts.
#[derive(Debug)]
pub(crate) struct RevisionMetrics {
    pub(crate) held: IntGauge,
    pub(crate) hold_seconds: Histogram,
    requests: [IntCounter; 5],
}

impl RevisionMetrics {
    /// A request is over.
    pub(crate) fn answered(&self, status: StatusCode) {
        self.requests[class(status)].inc();
    }
}

impl Metrics {
    /// A request is over.
    pub(crate) fn answered(&self, method: MethodLabel, status: StatusCode, after: Duration) {
        self.durations.observe(method, Some(status), after);
    }

    /// A request got an error of ours.
    pub(crate) fn failed(&self, reason: &'static str) {
        self.errors.with_label_values(&[reason]).inc();
    }

    /// A request waits no longer.
    pub(crate) fn held(&self, end: Woke) {
        let place = ENDS.iter().position(|(known, _)| *known == end);
        self.holds[place.expect("every end is in the list")].inc();
    }

    /// A request is sent once more.
    pub(crate) fn retried(&self, reason: &str) {
        self.retries.with_label_values(&[reason]).inc();
    }

    /// A held request got an error.
    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejected.with_label_values(&[reason]).inc();
    }

    /// A wake is over.
    pub(crate) fn woke(&self, how: Woke) {
        self.cold_starts.with_label_values(&[how.label()]).inc();
    }

    /// A part of a cold start is over.
    pub(crate) fn phase(&self, phase: Phase, took: Duration) {
        self.phases.with_label_values(&[phase.label()]).observe(took.as_secs_f64());
    }

    /// Handles of one revision.
    pub(crate) fn revision(&self, labels: &[&str; 3]) -> RevisionMetrics {
        RevisionMetrics {
            held: self.held.with_label_values(labels),
            hold_seconds: self.hold_seconds.with_label_values(labels),
            requests: CLASSES.map(|class| self.requests.with_label_values(&with_class(labels, class))),
        }
    }

    /// The revision is gone.
    pub(crate) fn forget(&self, labels: &[&str; 3]) {
        // Not there when it never held a request.
        let _ = self.held.remove_label_values(labels);
        let _ = self.hold_seconds.remove_label_values(labels);
        for class in CLASSES {
            let _ = self.requests.remove_label_values(&with_class(labels, class));
        }
    }
}

fn with_class<'a>([namespace, app, revision]: &[&'a str; 3], class: &'a str) -> [&'a str; 4] {
    [namespace, app, revision, class]
}

/// Place of the status's class in [`CLASSES`].
fn class(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1
}
