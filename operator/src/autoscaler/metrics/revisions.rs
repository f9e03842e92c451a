//! Figures of each revision, made when somebody asks: gauges of the library's own would take more than a sleeping app
//! may.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus::IntGauge;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::super::Shared;

/// Labels of the figures of a revision.
const LABELS: [&str; 2] = ["namespace", "revision"];

/// Reads them off the autoscaler of the present term.
pub struct Revisions {
    shown: Arc<Mutex<Weak<Shared>>>,
    desired: Desc,
    ready: Desc,
    stable: Desc,
    burst: Desc,
    settled: IntGauge,
}

impl Revisions {
    /// Of whoever is shown at the time.
    pub fn new(shown: Arc<Mutex<Weak<Shared>>>) -> prometheus::Result<Self> {
        let desc = |name: &str, help: &str| {
            Desc::new(name.to_owned(), help.to_owned(), LABELS.map(str::to_owned).to_vec(), HashMap::new())
        };
        Ok(Self {
            shown,
            desired: desc("todoapp_autoscaler_desired", "Pods wanted of a revision.")?,
            ready: desc("todoapp_autoscaler_ready", "Pods of a revision that are ready, as its Deployment says.")?,
            stable: desc(
                "todoapp_autoscaler_stable_concurrency",
                "Requests at a time over the stable window; of revisions that are awake.",
            )?,
            burst: desc(
                "todoapp_autoscaler_burst_concurrency",
                "Requests at a time over the burst window; of revisions that are awake.",
            )?,
            settled: IntGauge::new("todoapp_autoscaler_settled", "1 when enough is known to scale in.")?,
        })
    }

    fn families(&self, shared: &Shared) -> Vec<MetricFamily> {
        let now = shared.now();
        let state = shared.state.lock();
        self.settled.set(i64::from(state.core.is_settled(now)));
        let count = state.core.revisions.len();
        let (mut desired, mut ready) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut stable, mut burst) = (Vec::new(), Vec::new());
        for revision in state.core.revisions.values() {
            let Some(listed) = &revision.listed else { continue };
            let ready_now = listed.scale.map_or(0, |scale| scale.ready);
            desired.push(gauge(listed.names(), revision.desired.into()));
            ready.push(gauge(listed.names(), ready_now.into()));
            if revision.desired > 0 || ready_now > 0 {
                let averages = revision.memory.averages(now);
                stable.push(gauge(listed.names(), averages.stable));
                burst.push(gauge(listed.names(), averages.burst));
            }
        }
        let figures = [(&self.desired, desired), (&self.ready, ready), (&self.stable, stable), (&self.burst, burst)];
        figures.into_iter().map(|(desc, metrics)| family(desc, metrics)).chain(self.settled.collect()).collect()
    }
}

impl Collector for Revisions {
    fn desc(&self) -> Vec<&Desc> {
        [&self.desired, &self.ready, &self.stable, &self.burst].into_iter().chain(self.settled.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let shown = self.shown.lock().upgrade();
        shown.map(|shared| self.families(&shared)).unwrap_or_default()
    }
}

fn family(desc: &Desc, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(metrics);
    family
}

fn gauge((namespace, revision): (&str, &str), value: f64) -> Metric {
    let label = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_gauge(gauge);
    metric.set_label(LABELS.into_iter().zip([namespace, revision]).map(label).collect());
    metric
}
