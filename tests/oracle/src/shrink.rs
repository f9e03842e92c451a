//! Makes a trace that differs as short as it can be.

use crate::trace::{Trace, What};

/// Leaves out events, then makes numbers plain, as long as the trace still `differs`.
pub fn shrink(mut trace: Trace, mut differs: impl FnMut(&Trace) -> bool) -> Trace {
    let mut chunk = trace.events.len().div_ceil(2);
    while chunk > 0 {
        let mut from = 0;
        while from < trace.events.len() {
            let mut shorter = trace.clone();
            shorter.events.drain(from..(from + chunk).min(trace.events.len()));
            if differs(&shorter) {
                trace = shorter;
            } else {
                from += chunk;
            }
        }
        chunk /= 2;
    }
    for index in 0..trace.events.len() {
        let mut plainer = trace.clone();
        let event = &mut plainer.events[index];
        event.at_ms = event.at_ms / 1000 * 1000;
        if let What::Observe { of_ms, load } = &mut event.what {
            *of_ms = *of_ms / 1000 * 1000;
            *load = load.round();
        }
        if plainer.events.is_sorted_by_key(|event| event.at_ms) && differs(&plainer) {
            trace = plainer;
        }
    }
    trace
}
