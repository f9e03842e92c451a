//! What came of a run.

use std::collections::BTreeMap;

use super::simulation::{Micros, SECOND};

/// The figures of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Requests that came.
    pub requests: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that came when no pod took any.
    pub cold_starts: u64,
    /// Pods times microseconds, from the decision for a pod to its end.
    pub pod_micros: u64,
    /// Most pods wanted at a time.
    pub peak_pods: u32,
    /// Second by second.
    pub timeline: Vec<Sample>,
    /// How many requests waited for how many milliseconds, begun ones counted.
    pub waits: BTreeMap<u64, u64>,
}

/// One second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Requests that came in it.
    pub requests: u32,
    /// Pods at its end, starting ones included.
    pub pods: u32,
}

impl Outcome {
    /// A pod began with a request that had waited so long.
    pub fn waited(&mut self, time: Micros) {
        *self.waits.entry(time.div_ceil(1000)).or_default() += 1;
    }

    /// The wait, milliseconds, that this share of the requests did not exceed.
    pub fn wait_ms(&self, share: f64) -> u64 {
        let total: u64 = self.waits.values().sum();
        let rank = (total as f64 * share).ceil() as u64;
        let mut seen = 0;
        let mut reached = self.waits.iter().skip_while(|(_, count)| {
            seen += **count;
            seen < rank
        });
        reached.next().map_or(0, |(wait, _)| *wait)
    }

    /// Seconds of all pods together.
    pub fn pod_seconds(&self) -> u64 {
        self.pod_micros.div_ceil(SECOND)
    }

    /// Requests that were not answered.
    pub fn lost(&self) -> u64 {
        self.requests - self.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_waits_is_by_rank() {
        let mut outcome = Outcome::default();
        assert_eq!(outcome.wait_ms(0.5), 0);
        for wait in 1..=100 {
            outcome.waited(wait * 1000);
        }
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| outcome.wait_ms(share)), [1, 50, 99, 100]);
    }
}
