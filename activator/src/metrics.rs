//! What `/metrics` shows. Labels come from objects in the cluster or from enums, never from a client.
//!
//! Series of a revision exist from its first request until the revision is gone, so that apps that nobody calls
//! cost nothing.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, PullingGauge,
    Registry, core::Collector,
};
use proxy::body::Budget;
use runtime::durations::{Durations, MethodLabel};

/// Holds last as long as a pod takes to start.
const HOLD_SECONDS: [f64; 12] = [0.005, 0.025, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 15.0, 60.0];
/// From our own milliseconds to a slow app's minute.
const PHASE_SECONDS: [f64; 13] = [0.001, 0.002, 0.003, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

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
    /// Makes and registers all of them.
    pub(crate) fn new(registry: &Registry) -> Self {
        let revision = &["namespace", "app", "revision"];
        let holds = counters(registry, "todoapp_holds_total", "Holds that are over, by how they ended.", &["result"]);
        let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help));
        let held = Opts::new("todoapp_held_requests", "Requests that wait for a pod now.");
        Self {
            held: registered(registry, IntGaugeVec::new(held, revision)),
            hold_seconds: histograms(
                registry,
                "todoapp_hold_duration_seconds",
                "Time that requests waited for a pod, however it ended.",
                &HOLD_SECONDS,
                revision,
            ),
            requests: counters(
                registry,
                "todoapp_requests_total",
                "Requests that are over, by revision and class of status.",
                &["namespace", "app", "revision", "code"],
            ),
            rejected: counters(
                registry,
                "todoapp_held_rejected_total",
                "Held requests that got an error instead of a pod, by reason.",
                &["reason"],
            ),
            cold_starts: counters(
                registry,
                "todoapp_cold_starts_total",
                "Wakes of revisions that had no pod when a request came, by result.",
                &["result"],
            ),
            phases: histograms(
                registry,
                "todoapp_cold_start_phase_seconds",
                "Parts of a cold start: demand, scale and pod make wake, the time to the first pod; then release (to the \
                 way out) and app (to its answer).",
                &PHASE_SECONDS,
                &["phase"],
            ),
            durations: Durations::new(registry),
            holds: ENDS.map(|(_, label)| holds.with_label_values(&[label])),
            errors: counters(
                registry,
                "todoapp_error_responses_total",
                "Error answers that are ours and not an app's, by reason (docs/errors.md).",
                &["reason"],
            ),
            retries: counters(
                registry,
                "todoapp_retries_total",
                "Requests that were sent once more, by what had become of them.",
                &["reason"],
            ),
            watch_errors: counter(
                registry,
                "todoapp_watch_errors_total",
                "Watches of the API server that failed and were begun again.",
            ),
            hub_connected: gauge("todoapp_hub_connected", "1 while the stream to the hub is up."),
            hub_forgotten: counter(
                registry,
                "todoapp_hub_forgotten_total",
                "Announcements of the hub dropped because too many were about unknown revisions.",
            ),
            port_errors: counter(
                registry,
                "todoapp_port_errors_total",
                "Attempts to listen on an app's port that failed.",
            ),
        }
    }

    /// Shows what is asked of others when somebody looks: bytes of bodies of held requests.
    pub(crate) fn show(registry: &Registry, budget: Arc<Budget>, hold_count: usize) {
        let gauges = [
            PullingGauge::new(
                "todoapp_held_limit",
                "Requests that this process holds at most.",
                Box::new(move || hold_count as f64),
            ),
            PullingGauge::new(
                "todoapp_kept_body_bytes",
                "Bytes of bodies that are kept while their requests wait, or in case they have to be sent once more.",
                Box::new(move || budget.used() as f64),
            ),
        ];
        for gauge in gauges {
            registry.register(Box::new(gauge.expect("constant names"))).expect("each name is registered once");
        }
    }

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

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn histograms(registry: &Registry, name: &str, help: &str, bounds: &[f64], labels: &[&str]) -> HistogramVec {
    registered(registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(bounds.to_vec()), labels))
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::new(name, help))
}

pub(crate) fn registered<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect("constant names and labels");
    registry.register(Box::new(collector.clone())).expect("each name is registered once");
    collector
}
