//! What load asks for, as a record that the other rules go on with.

use std::time::Duration;

use super::{Input, Scaler};
use crate::decide::Wanted;
use crate::reason::Reason;
use crate::record::Record;
use crate::spec::Metric;

impl Scaler {
    /// What the windows ask for, or what the pods use.
    pub(super) fn by_load(&mut self, now: Duration, input: &Input) -> Record {
        if self.spec.metric.is_resource() {
            return self.by_usage(now, input);
        }
        let averages = self.averages(now);
        let wanted = self.decider.decide(now, &self.spec, input.ready, input.routed, averages);
        let mut record = self.record(now, input, wanted);
        if wanted.burst_on {
            record.reason = Reason::Burst;
            record.load = record.stable.max(record.burst);
        }
        if wanted.delayed > 0 {
            record.reason = Reason::Delay;
        }
        record
    }

    /// What the pods use asks for.
    fn by_usage(&mut self, now: Duration, input: &Input) -> Record {
        let resource = self.resource.get_or_insert_default();
        let mut wanted = resource.decide(now, &self.spec, input.desired_now, input.routed);
        if self.averages(now).stable > 0.0 {
            wanted.pods = wanted.pods.max(self.spec.activation);
        } else if !input.routed {
            // Its pods use a little as long as they run, though nobody asks anything of them.
            wanted.pods = 0;
        }
        let mut record = self.record(now, input, wanted);
        if wanted.delayed > 0 {
            record.reason = Reason::Delay;
        } else if record.measured == 0 {
            record.reason = if record.starting > 0 { Reason::Starting } else { Reason::Unreported };
        }
        record
    }

    /// What the requests of this moment ask for, if that is more.
    pub(super) fn surge(&mut self, now: Duration, input: &Input, record: &mut Record) {
        // Those that run already say nothing of a rate; those that wait came within the last moments.
        let load = match self.spec.metric {
            Metric::Concurrency => input.held.saturating_add(input.in_flight),
            Metric::RequestRate => input.held,
            // They say that a pod is needed, not how many.
            Metric::Cpu | Metric::Memory => {
                let pods = self.spec.activation.max(1);
                if pods > record.wanted {
                    record.by_demand = pods;
                    record.wanted = pods;
                    record.reason = Reason::Demand;
                }
                return;
            }
        };
        let wanted = self.decider.surge(now, &self.spec, input.ready, input.routed, load);
        record.by_demand = wanted.pods;
        record.highest = wanted.highest;
        record.burst_on = wanted.burst_on;
        record.burst_pods = wanted.burst_pods;
        if record.by_demand > record.wanted {
            record.wanted = record.by_demand;
            record.load = load as f32;
            record.reason = Reason::Demand;
        }
    }

    pub(super) fn record(&self, now: Duration, input: &Input, wanted: Wanted) -> Record {
        let averages = self.averages(now);
        let usage = self.resource.as_ref().and_then(|resource| resource.usage(now)).unwrap_or_default();
        let (stable, burst) = match self.spec.metric {
            Metric::Concurrency | Metric::RequestRate => (averages.stable as f32, averages.burst as f32),
            Metric::Cpu | Metric::Memory => (usage.percent as f32, 0.0),
        };
        let activates = self.spec.activation > 1 && (!self.spec.metric.is_resource() || averages.stable > 0.0);
        Record {
            at: now,
            held: input.held,
            in_flight: input.in_flight,
            ready: input.ready,
            reporting: input.reporting,
            before: input.desired_now,
            measured: usage.measured,
            stable,
            burst,
            load: stable,
            per_pod: self.spec.per_pod() as f32,
            by_stable: wanted.by_stable,
            by_burst: wanted.by_burst,
            by_demand: 0,
            lowest: wanted.lowest,
            highest: wanted.highest,
            activation: if activates { self.spec.activation } else { 0 },
            burst_pods: wanted.burst_pods,
            delayed: wanted.delayed,
            wanted: wanted.pods,
            starting: self.start.pods(),
            retry_in_s: 0,
            min: if input.routed { self.spec_at(now, input).min } else { 0 },
            max: self.spec.max,
            grace_left: Duration::ZERO,
            retention_left: Duration::ZERO,
            metric: self.spec.metric,
            burst_on: wanted.burst_on,
            routed: input.routed,
            reason: Reason::Load,
            desired: 0,
        }
    }
}
