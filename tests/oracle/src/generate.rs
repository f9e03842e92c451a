//! Random traces: everything that a revision may meet, most of it at once.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use scaling::{Aggregation, Metric, Spec};

use crate::trace::{Event, Trace, What};

/// The trace of a seed.
pub fn trace(seed: u64) -> Trace {
    let mut rng = StdRng::seed_from_u64(seed);
    let specs = specs(&mut rng);
    let mut story = Story { rng, at_ms: 0, ready: 0, routed: true, load: 0.0, silent: false, events: Vec::new() };
    story.ready = story.rng.random_range(0..4);
    let window_ms = i64::from(specs[0].window_s) * 1000;
    let end = story.rng.random_range(window_ms..window_ms * 4 + 20_000);
    let mut steps = 0;
    while story.at_ms < end && steps < 400 {
        story.step(&specs, window_ms);
        steps += 1;
    }
    Trace { specs, events: story.events }
}

/// The spec of the beginning and changes of it. Metric, aggregation and delay stay: Knative cannot change the latter two
/// while a revision lives.
fn specs(rng: &mut StdRng) -> Vec<Spec> {
    let first = spec(rng);
    let changes = if rng.random_bool(0.3) { rng.random_range(1..4) } else { 0 };
    let mut specs = vec![first];
    for _ in 0..changes {
        let Spec { metric, aggregation, scale_down_delay, .. } = first;
        let other = spec(rng);
        let target = if other.metric == metric { other.target } else { metric.default_target() };
        specs.push(Spec { metric, aggregation, scale_down_delay, target, ..other });
    }
    specs
}

fn spec(rng: &mut StdRng) -> Spec {
    let metric = if rng.random_bool(0.7) { Metric::Concurrency } else { Metric::RequestRate };
    let default = Spec::of(metric);
    let activation = if rng.random_bool(0.3) { rng.random_range(2..8) } else { 0 };
    let min = if rng.random_bool(0.3) { rng.random_range(0..4).min(activation.max(2)) } else { 0 };
    let max = if rng.random_bool(0.4) { 0 } else { rng.random_range(1..20u32).max(min).max(activation) };
    Spec {
        min,
        max,
        activation,
        aggregation: if rng.random_bool(0.7) { Aggregation::Linear } else { Aggregation::WeightedExponential },
        target: match rng.random_range(0..6) {
            0 => 1.0,
            1 => 10.0,
            2 => 0.01,
            3 => rng.random_range(0.01..300.0),
            _ => default.target,
        },
        utilization: if rng.random_bool(0.5) { default.utilization } else { percents(rng, 1, 100) / 100.0 },
        window_s: match rng.random_range(0..20) {
            0..12 => rng.random_range(6..=12),
            12..17 => rng.random_range(13..=60),
            17 | 18 => rng.random_range(61..=300),
            _ => rng.random_range(301..=3600),
        },
        burst_window_percent: match rng.random_range(0..3) {
            0 => default.burst_window_percent,
            1 => percents(rng, 1, 100),
            _ => rng.random_range(1.0..=100.0),
        },
        burst_threshold_percent: match rng.random_range(0..4) {
            0 => percents(rng, 110, 1000),
            1 => rng.random_range(110.0..=1000.0),
            _ => default.burst_threshold_percent,
        },
        up_rate: if rng.random_bool(0.5) { default.up_rate } else { rng.random_range(1.001..12.0) },
        down_rate: if rng.random_bool(0.5) { default.down_rate } else { rng.random_range(1.001..12.0) },
        scale_down_delay: Duration::from_secs(match rng.random_range(0..10) {
            0..6 => 0,
            6..9 => rng.random_range(1..40),
            _ => rng.random_range(40..=3600),
        }),
        ..default
    }
}

fn percents(rng: &mut StdRng, from: u32, to: u32) -> f64 {
    f64::from(rng.random_range(from..=to))
}

/// A trace being written.
struct Story {
    rng: StdRng,
    at_ms: i64,
    ready: u32,
    routed: bool,
    load: f64,
    silent: bool,
    events: Vec<Event>,
}

impl Story {
    fn step(&mut self, specs: &[Spec], window_ms: i64) {
        self.at_ms += match self.rng.random_range(0..100) {
            0 => self.rng.random_range(0..window_ms * 2),
            1..5 => self.rng.random_range(1..window_ms / 2),
            5..15 => self.rng.random_range(0..400),
            _ => 1000,
        };
        self.change_load(&specs[0]);
        self.silent ^= self.rng.random_bool(if self.silent { 0.1 } else { 0.02 });
        for _ in 0..if self.silent { 0 } else { self.rng.random_range(0..4) } {
            self.observe(window_ms);
        }
        match self.rng.random_range(0..200) {
            0..4 => {
                let index = self.rng.random_range(0..specs.len());
                self.push(What::Configure(index));
            }
            4 => {
                let ready = self.rng.random_range(0..2);
                self.push(What::Restart { ready });
            }
            5..9 => self.routed = !self.routed,
            _ => {}
        }
        self.change_ready(&specs[0]);
        if self.rng.random_bool(0.6) {
            let (ready, routed) = (self.ready, self.routed);
            self.push(What::Tick { ready, routed });
        }
    }

    fn change_load(&mut self, spec: &Spec) {
        self.load = match self.rng.random_range(0..40) {
            0 | 1 => 0.0,
            2 => spec.per_pod() * f64::from(self.rng.random_range(1..10)),
            3 => spec.per_pod() * self.rng.random_range(0.0..60.0),
            4 => self.load * 10.0,
            5 => self.rng.random_range(0.0..10.0),
            6 => f64::from(self.rng.random_range(0..100)),
            7..12 => self.load * self.rng.random_range(0.5..1.6),
            _ => self.load,
        }
        .min(1e6);
    }

    fn observe(&mut self, window_ms: i64) {
        let late = match self.rng.random_range(0..30) {
            0 => self.rng.random_range(0..window_ms * 3 / 2),
            1..4 => self.rng.random_range(0..3000),
            4 => -self.rng.random_range(0..3000),
            _ => 0,
        };
        let load = if self.rng.random_bool(0.1) { 0.0 } else { self.load };
        self.push(What::Observe { of_ms: self.at_ms - late, load });
    }

    fn change_ready(&mut self, spec: &Spec) {
        self.ready = match self.rng.random_range(0..30) {
            0..5 => (self.load / spec.per_pod()).ceil().min(200.0) as u32,
            5 => self.ready.saturating_sub(self.rng.random_range(1..5)),
            6 => self.ready + self.rng.random_range(1..5),
            7 => self.ready / 2,
            _ => self.ready,
        };
    }

    fn push(&mut self, what: What) {
        self.events.push(Event { at_ms: self.at_ms, what });
    }
}
