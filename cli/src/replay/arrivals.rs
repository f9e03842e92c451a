//! When the requests of a trace arrive: anywhere in their step, by chance, the same for the same seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::simulation::{Micros, SECOND};
use super::trace::Trace;

/// The arrivals in order.
pub struct Arrivals<'a> {
    trace: &'a Trace,
    random: StdRng,
    step: u64,
    /// Those of the steps so far, the next one last.
    due: Vec<Micros>,
}

impl<'a> Arrivals<'a> {
    /// Those of a trace.
    pub fn new(trace: &'a Trace, seed: u64) -> Self {
        Self { trace, random: StdRng::seed_from_u64(seed), step: 0, due: Vec::new() }
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Micros;

    fn next(&mut self) -> Option<Micros> {
        while self.due.is_empty() {
            let count = *self.trace.counts.get(self.step as usize)?;
            let length = self.trace.step_s * SECOND;
            let begin = self.step * length;
            self.due.extend((0..count).map(|_| begin + self.random.random_range(0..length)));
            self.due.sort_unstable_by(|one, other| other.cmp(one));
            self.step += 1;
        }
        self.due.pop()
    }
}
