//! Figures of the reconcilers; the autoscaler and the hub register their own.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

/// Handles.
#[derive(Clone)]
pub struct Metrics {
    /// Time of one reconcile, by kind.
    pub reconcile: HistogramVec,
    /// Reconciles that failed, by kind and class of the error.
    pub errors: IntCounterVec,
    /// Objects written, by kind.
    pub writes: IntCounterVec,
    /// What happened in releases, by reason of the Event that tells of it.
    pub releases: IntCounterVec,
    /// 1 while this process leads.
    pub leading: IntGauge,
    /// 1 while the settings in force are those of the ConfigMap.
    pub settings_valid: IntGauge,
}

impl Metrics {
    /// Makes and registers them.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            reconcile: HistogramVec::new(
                HistogramOpts::new("todoapp_reconcile_duration_seconds", "Time of one reconcile, by kind.")
                    .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0]),
                &["kind"],
            )?,
            errors: IntCounterVec::new(
                Opts::new("todoapp_reconcile_errors_total", "Reconciles that failed, by kind and class of the error."),
                &["kind", "class"],
            )?,
            writes: IntCounterVec::new(
                Opts::new("todoapp_reconcile_writes_total", "Objects written while reconciling, by kind."),
                &["kind"],
            )?,
            releases: IntCounterVec::new(
                Opts::new(
                    "todoapp_rollout_events_total",
                    "What happened in releases, by reason of the Event that tells of it, such as Promoted or CheckFailed.",
                ),
                &["reason"],
            )?,
            settings_valid: IntGauge::new(
                "todoapp_settings_valid",
                "1 while the settings in force are those of the ConfigMap, 0 while that is broken.",
            )?,
            leading: IntGauge::new("todoapp_leading", "1 while this process holds the Lease.")?,
        };
        registry.register(Box::new(metrics.reconcile.clone()))?;
        registry.register(Box::new(metrics.errors.clone()))?;
        registry.register(Box::new(metrics.writes.clone()))?;
        registry.register(Box::new(metrics.releases.clone()))?;
        registry.register(Box::new(metrics.leading.clone()))?;
        registry.register(Box::new(metrics.settings_valid.clone()))?;
        Ok(metrics)
    }
}
