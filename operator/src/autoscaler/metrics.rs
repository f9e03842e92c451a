//! Figures of the autoscaler and the hub.
//!
//! What there is of each revision is read from the core when somebody asks, so a sleeping revision costs no memory
//! here.

mod revisions;

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use scaling::Reason;

use self::revisions::Revisions;
use super::Shared;

/// Handles. Cheap to clone; registered once a process.
#[derive(Clone)]
pub struct Metrics {
    decisions: IntCounterVec,
    writes: IntCounterVec,
    write_duration: Histogram,
    marks: IntCounterVec,
    usage_reads: IntCounterVec,
    connections: IntGaugeVec,
    rejected: IntCounterVec,
    closed: IntCounterVec,
    /// Loads of revisions that nobody listed.
    pub ignored: IntCounter,
    shown: Arc<Mutex<Weak<Shared>>>,
}

impl Metrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, label: &str| IntCounterVec::new(Opts::new(name, help), &[label]);
        let metrics = Self {
            decisions: counters(
                "todoapp_autoscaler_decisions_total",
                "Decisions on the scale of a revision, by what had the last word.",
                "reason",
            )?,
            writes: counters("todoapp_autoscaler_writes_total", "Writes of a scale, by result.", "result")?,
            write_duration: Histogram::with_opts(
                HistogramOpts::new("todoapp_autoscaler_write_duration_seconds", "Time of one write of a scale.")
                    .buckets(vec![0.002, 0.005, 0.01, 0.05, 0.2, 1.0, 5.0]),
            )?,
            marks: counters(
                "todoapp_autoscaler_marks_total",
                "Deletion costs for pods, written before a scale-in, by result.",
                "result",
            )?,
            usage_reads: counters(
                "todoapp_autoscaler_usage_reads_total",
                "Questions to metrics.k8s.io about the pods of a revision that scales by CPU or memory, by result.",
                "result",
            )?,
            connections: IntGaugeVec::new(
                Opts::new("todoapp_hub_connections", "Streams that have proved themselves, by kind."),
                &["kind"],
            )?,
            rejected: counters(
                "todoapp_hub_rejected_total",
                "Streams that were closed before they proved themselves, by reason.",
                "reason",
            )?,
            closed: counters("todoapp_hub_closed_total", "Streams that the hub closed, by reason.", "reason")?,
            ignored: IntCounter::new(
                "todoapp_hub_ignored_loads_total",
                "Loads and demands that were dropped because nobody listed their revision.",
            )?,
            shown: Arc::default(),
        };
        for reason in Reason::ALL {
            metrics.decisions.with_label_values(&[reason.as_str()]);
        }
        registry.register(Box::new(metrics.decisions.clone()))?;
        registry.register(Box::new(metrics.writes.clone()))?;
        registry.register(Box::new(metrics.write_duration.clone()))?;
        registry.register(Box::new(metrics.marks.clone()))?;
        registry.register(Box::new(metrics.usage_reads.clone()))?;
        registry.register(Box::new(metrics.connections.clone()))?;
        registry.register(Box::new(metrics.rejected.clone()))?;
        registry.register(Box::new(metrics.closed.clone()))?;
        registry.register(Box::new(metrics.ignored.clone()))?;
        registry.register(Box::new(Revisions::new(Arc::clone(&metrics.shown))?))?;
        Ok(metrics)
    }

    /// From now on the figures of revisions are those of this term.
    pub(super) fn show(&self, shared: &Arc<Shared>) {
        *self.shown.lock() = Arc::downgrade(shared);
    }

    /// Counts decisions.
    pub(super) fn decided(&self, reasons: &[Reason]) {
        for reason in reasons {
            self.decisions.with_label_values(&[reason.as_str()]).inc();
        }
    }

    /// Counts a write.
    pub(super) fn wrote(&self, done: bool, took: Duration) {
        self.writes.with_label_values(&[if done { "ok" } else { "error" }]).inc();
        self.write_duration.observe(took.as_secs_f64());
    }

    /// Counts a deletion cost: `ok`, `error` or `late`.
    pub(super) fn marked(&self, result: &str, count: usize) {
        self.marks.with_label_values(&[result]).inc_by(count as u64);
    }

    /// Counts a question to metrics.k8s.io.
    pub fn read_usage(&self, answered: bool) {
        self.usage_reads.with_label_values(&[if answered { "ok" } else { "error" }]).inc();
    }

    /// Streams of a kind.
    pub(super) fn connections(&self, kind: &str) -> IntGauge {
        self.connections.with_label_values(&[kind])
    }

    /// Streams that did not prove themselves.
    pub fn rejected(&self, reason: &str) -> IntCounter {
        self.rejected.with_label_values(&[reason])
    }

    /// Streams that were closed.
    pub fn closed(&self, reason: &str) -> IntCounter {
        self.closed.with_label_values(&[reason])
    }
}
