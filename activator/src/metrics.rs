//! What `/metrics` shows. Labels come from objects in the cluster or from enums, never from a client.
//!
//! Series of a revision exist from its first request until the revision is gone, so that apps that nobody calls
//! cost nothing.

use std::time::Duration;

use http::StatusCode;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

/// Boundaries of OpenTelemetry's `http.server.request.duration`, in seconds.
const REQUEST_SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Holds last as long as a pod takes to start.
const HOLD_SECONDS: [f64; 12] = [0.005, 0.025, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 15.0, 60.0];
/// From our own milliseconds to a slow app's minute.
const PHASE_SECONDS: [f64; 13] = [0.001, 0.002, 0.003, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

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
    const fn label(self) -> &'static str {
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
    /// From the first request to the first pod that takes one.
    Wake,
    /// From that pod to the request's way out.
    Release,
    /// From there to the head of the app's answer.
    App,
}

impl Phase {
    const fn label(self) -> &'static str {
        match self {
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
    classes: [Histogram; 5],
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
        let requests = registered(
            registry,
            HistogramVec::new(
                HistogramOpts::new(
                    "http_server_request_duration_seconds",
                    "Time from a request's head to the end of its answer, by class of status.",
                )
                .buckets(REQUEST_SECONDS.to_vec()),
                &["code"],
            ),
        );
        let revision = &["namespace", "app", "revision"];
        Self {
            held: registered(
                registry,
                IntGaugeVec::new(
                    Opts::new("todoapp_held_requests", "Requests that wait for a pod now."),
                    revision,
                ),
            ),
            hold_seconds: registered(
                registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "todoapp_hold_duration_seconds",
                        "Time that requests waited for a pod, however it ended.",
                    )
                    .buckets(HOLD_SECONDS.to_vec()),
                    revision,
                ),
            ),
            requests: registered(
                registry,
                IntCounterVec::new(
                    Opts::new("todoapp_requests_total", "Requests that are over, by revision and class of status."),
                    &["namespace", "app", "revision", "code"],
                ),
            ),
            retries: registered(
                registry,
                IntCounterVec::new(
                    Opts::new("todoapp_retries_total", "Requests that were sent once more, by what had become of them."),
                    &["reason"],
                ),
            ),
            rejected: registered(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "todoapp_held_rejected_total",
                        "Held requests that got an error instead of a pod, by reason.",
                    ),
                    &["reason"],
                ),
            ),
            cold_starts: registered(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "todoapp_cold_starts_total",
                        "Wakes of revisions that had no pod when a request came, by result.",
                    ),
                    &["result"],
                ),
            ),
            phases: registered(
                registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "todoapp_cold_start_phase_seconds",
                        "Parts of a cold start: wake (to the first pod), release (to the way out), app (to its answer).",
                    )
                    .buckets(PHASE_SECONDS.to_vec()),
                    &["phase"],
                ),
            ),
            classes: CLASSES
                .map(|class| requests.with_label_values(&[class])),
            watch_errors: counter(
                registry,
                "todoapp_watch_errors_total",
                "Watches of the API server that failed and were begun again.",
            ),
            hub_connected: registered(
                registry,
                IntGauge::new("todoapp_hub_connected", "1 while the stream to the hub is up."),
            ),
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

    /// A request is over.
    pub(crate) fn answered(&self, status: StatusCode, after: Duration) {
        self.classes[class(status)].observe(after.as_secs_f64());
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

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::new(name, help))
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect("constant names and labels");
    registry.register(Box::new(collector.clone())).expect("each name is registered once");
    collector
}
