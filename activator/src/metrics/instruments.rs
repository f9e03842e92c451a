//! Names, texts and bounds of what is counted, as they are registered.

use std::sync::Arc;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, PullingGauge, Registry,
    core::Collector,
};
use proxy::body::Budget;
use runtime::durations::Durations;

use super::{ENDS, Metrics};

/// Holds last as long as a pod takes to start.
const HOLD_SECONDS: [f64; 12] = [0.005, 0.025, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 15.0, 60.0];
/// From our own milliseconds to a slow app's minute.
const PHASE_SECONDS: [f64; 13] = [0.001, 0.002, 0.003, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

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
