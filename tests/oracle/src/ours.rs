//! A trace through crate `scaling`, the part that follows Knative: windows, decider and bounds.

use std::time::Duration;

use scaling::{Decider, Spec, Windows, bounded};

use crate::trace::{Answer, Trace, What};

/// Where Go's synctest begins: the year 2000.
const BEGIN_MS: i64 = 946_684_800_000;

/// The decisions of a trace.
pub fn decide(trace: &Trace) -> Vec<Answer> {
    let mut spec = trace.specs[0];
    let mut windows = Windows::new(&spec);
    let mut decider = Decider::default();
    let mut answers = Vec::new();
    for event in &trace.events {
        let now = since_epoch(event.at_ms);
        match event.what {
            What::Observe { of_ms, load } => windows.record(since_epoch(of_ms).as_secs(), load),
            What::Tick { ready, routed } => {
                answers.push(tick(now, &spec, &mut windows, &mut decider, ready, routed));
            }
            What::Configure(index) => {
                spec = trace.specs[index];
                windows.resize(&spec, now.as_secs());
            }
            What::Restart { .. } => {
                windows = Windows::new(&spec);
                decider = Decider::default();
            }
        }
    }
    answers
}

fn tick(now: Duration, spec: &Spec, windows: &mut Windows, decider: &mut Decider, ready: u32, routed: bool) -> Answer {
    let averages = windows.averages(now.as_secs(), spec.aggregation);
    // A window that is silent for exactly its length is a zero to Knative: see the README.
    let valid = !windows.is_silent(now.as_secs() - 1);
    let wanted = if valid { decider.decide(now, spec, ready, routed, averages) } else { decider.nothing_known() };
    let (bounded, _) = bounded(wanted.pods, spec, routed);
    if bounded == 0 {
        windows.rest(now.as_secs());
    }
    Answer {
        valid,
        desired: wanted.pods,
        panic: wanted.burst_on,
        stable: averages.stable,
        burst: averages.burst,
        target: spec.per_pod(),
        bounded,
    }
}

fn since_epoch(ms: i64) -> Duration {
    Duration::from_millis((BEGIN_MS + ms) as u64)
}
