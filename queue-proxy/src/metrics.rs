//! What Prometheus is told, and the bookkeeping of one request.

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use prometheus::{IntCounter, IntCounterVec, Opts, PullingGauge, Registry};
use proxy::{
    body::Guard,
    gate::{Gate, Permit},
    headers::Outcome,
    meter::{Meter, MeterGuard},
};
use runtime::durations::{Durations, MethodLabel};
use tokio::time::Instant;

/// Classes of answers; the last is for clients that left before there was one.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "departed"];
const DEPARTED: usize = CLASSES.len() - 1;

pub(crate) struct Metrics {
    /// One handle a class, resolved once.
    requests: [IntCounter; CLASSES.len()],
    durations: Durations,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry, meter: &Meter, gate: &Gate) -> Self {
        let requests = IntCounterVec::new(
            Opts::new("todoapp_queue_requests_total", "Requests that are over, by class of answer."),
            &["code_class"],
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
        let collectors: [Box<dyn prometheus::core::Collector>; 3] =
            [Box::new(requests.clone()), Box::new(in_flight), Box::new(waiting)];
        for collector in collectors {
            registry.register(collector).expect("each name is there once");
        }
        Self {
            requests: CLASSES.map(|class| requests.with_label_values(&[class])),
            durations: Durations::new(registry),
        }
    }
}

/// One request in flight: counted as such until it is dropped, which is when its answer is over.
pub(crate) struct Flight {
    pub(crate) started: Instant,
    method: MethodLabel,
    outcome: Option<Outcome>,
    metrics: Arc<Metrics>,
    permit: Option<Permit>,
    _meter: MeterGuard,
}

impl Flight {
    pub(crate) fn new(method: &Method, meter: MeterGuard, metrics: Arc<Metrics>) -> Self {
        let method = MethodLabel::of(method);
        Self { started: Instant::now(), method, outcome: None, metrics, permit: None, _meter: meter }
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
    pub(crate) const fn answered(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Guard for Flight {
    fn ended(&mut self, trailers: &HeaderMap) {
        if let Some(outcome) = &mut self.outcome {
            outcome.ended(trailers);
        }
    }

    fn broken(&mut self) {
        if let Some(outcome) = &mut self.outcome {
            outcome.broken();
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let class = |status: StatusCode| usize::from(status.as_u16() / 100).saturating_sub(1).min(DEPARTED - 1);
        let status = self.outcome.map(Outcome::status);
        self.metrics.requests[status.map_or(DEPARTED, class)].inc();
        self.metrics.durations.observe(self.method, status, self.started.elapsed());
    }
}
