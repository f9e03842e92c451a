//! One revision over time: pods that come `start_s` after they are wanted, a load that is spread over them, a report
//! each second, a tick every two.

mod junk;
mod properties;
mod records;
mod rules;
mod schedule;
mod settings;
mod starts;
mod usage;

use std::time::Duration;

use scaling::{Decision, Input, Scaler, Spec};

/// Hub seconds start here, so that there is room for a past.
const BASE: u64 = 100_000;

/// One pod carries ten.
fn tens() -> Spec {
    Spec { target: 10.0, utilization: 1.0, ..Spec::default() }
}

struct World {
    scaler: Scaler,
    second: u64,
    desired: u32,
    ready: u32,
    /// Seconds at which pods become ready.
    starting: Vec<u64>,
    start_s: u64,
    scheduled: u32,
    routed: bool,
    initial: bool,
    reporting: bool,
}

impl World {
    fn new(spec: Spec) -> Self {
        Self {
            scaler: Scaler::new(spec),
            second: BASE,
            desired: 0,
            ready: 0,
            starting: Vec::new(),
            start_s: 1,
            scheduled: 0,
            routed: true,
            initial: false,
            reporting: true,
        }
    }

    fn serving(spec: Spec, pods: u32) -> Self {
        Self { desired: pods, ready: pods, ..Self::new(spec) }
    }

    fn input(&self, load: u32) -> Input {
        let (held, in_flight) = if self.ready == 0 { (load, 0) } else { (0, load) };
        Input {
            ready: self.ready,
            reporting: if self.reporting { self.ready } else { 0 },
            desired_now: self.desired,
            held,
            in_flight,
            scheduled: self.scheduled,
            routed: self.routed,
            initial: self.initial,
            settled: true,
        }
    }

    fn apply(&mut self, desired: u32) {
        let coming = self.ready as usize + self.starting.len();
        if let Some(more) = (desired as usize).checked_sub(coming) {
            self.starting.extend(std::iter::repeat_n(self.second + self.start_s, more));
        } else {
            let fewer = coming - desired as usize;
            let cancelled = fewer.min(self.starting.len());
            self.starting.truncate(self.starting.len() - cancelled);
            self.ready -= (fewer - cancelled) as u32;
        }
        self.desired = desired;
    }

    /// One second with `load` requests at a time; the decision if one was taken.
    fn pass(&mut self, load: u32) -> Option<Decision> {
        let second = self.second;
        self.ready += self.starting.extract_if(.., |at| *at <= second).count() as u32;
        self.initial &= self.ready == 0;
        let mut taken = self.scaler.wake(Duration::from_secs(second), self.input(load));
        if let Some(decision) = taken {
            self.apply(decision.desired);
        }
        if second.is_multiple_of(2) {
            let decision = self.scaler.decide(Duration::from_secs(second), self.input(load));
            self.apply(decision.desired);
            taken = Some(decision);
        }
        if self.reporting && (self.ready > 0 || load > 0) {
            self.scaler.observe(second, f64::from(load));
        }
        self.second += 1;
        taken
    }

    fn run(&mut self, seconds: u64, load: u32) -> Vec<u32> {
        (0..seconds)
            .map(|_| {
                self.pass(load);
                self.desired
            })
            .collect()
    }
}
