//! What Prometheus is told, and the bookkeeping of one request.

use std::sync::Arc;

use http::StatusCode;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, PullingGauge, Registry};
use proxy::{
    body::Guard,
    gate::{Gate, Permit},
    meter::{Meter, MeterGuard},
};
use tokio::time::Instant;

/// Classes of answers; the last is for clients that left before there was one.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "departed"];
const DEPARTED: usize = CLASSES.len() - 1;
/// As OpenTelemetry advises for `http.server.request.duration`.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(crate) struct Metrics {
    /// One handle a class, resolved once.
    requests: [IntCounter; CLASSES.len()],
    duration: Histogram,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry, meter: &Meter, gate: &Gate) -> Self {
        let requests = IntCounterVec::new(
            Opts::new("todoapp_queue_requests_total", "Requests that are over, by class of answer."),
            &["code_class"],
        )
        .expect("a constant name");
        let duration = Histogram::with_opts(
            HistogramOpts::new(
                "http_server_request_duration_seconds",
                "From the head of a request to the end of its answer.",
            )
            .buckets(BOUNDS.to_vec()),
        )
        .expect("a constant name");
        let (meter, gate) = (meter.clone(), gate.clone());
        let in_flight = PullingGauge::new(
            "todoapp_queue_in_flight",
            "Requests here now, those before the gate included.",
            Box::new(move || f64::from(meter.now())),
        )
        .expect("a constant name");
        let waiting = PullingGauge::new(
            "todoapp_queue_waiting",
            "Requests that wait for a place in the app.",
            Box::new(move || gate.waiting() as f64),
        )
        .expect("a constant name");
        let collectors: [Box<dyn prometheus::core::Collector>; 4] =
            [Box::new(requests.clone()), Box::new(duration.clone()), Box::new(in_flight), Box::new(waiting)];
        for collector in collectors {
            registry.register(collector).expect("each name is there once");
        }
        Self { requests: CLASSES.map(|class| requests.with_label_values(&[class])), duration }
    }
}

/// One request in flight: counted as such until it is dropped, which is when its answer is over.
pub(crate) struct Flight {
    pub(crate) started: Instant,
    class: usize,
    metrics: Arc<Metrics>,
    permit: Option<Permit>,
    _meter: MeterGuard,
}

impl Flight {
    pub(crate) fn new(meter: MeterGuard, metrics: Arc<Metrics>) -> Self {
        Self { started: Instant::now(), class: DEPARTED, metrics, permit: None, _meter: meter }
    }

    /// It is in the app now.
    pub(crate) fn admitted(&mut self, permit: Permit) {
        self.permit = Some(permit);
    }

    /// How many requests its sender may have here at a time; `None`: any number.
    pub(crate) fn places(&self) -> Option<u32> {
        self.permit.as_ref()?.places()
    }

    /// The head of the answer is known.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.class = usize::from(status.as_u16() / 100).saturating_sub(1).min(DEPARTED - 1);
    }
}

impl Guard for Flight {}

impl Drop for Flight {
    fn drop(&mut self) {
        self.metrics.requests[self.class].inc();
        self.metrics.duration.observe(self.started.elapsed().as_secs_f64());
    }
}
