//! What the decisions on a revision remember. One that sleeps remembers how it may scale, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use scaling::{Averages, Metric, Scaler, Spec, Usage};
use wire::Bucket;

/// A spec, and what was measured and decided under it.
#[derive(Debug)]
pub struct Memory {
    spec: Arc<Spec>,
    /// None while it would be as a new one.
    scaler: Option<Box<Scaler>>,
}

impl Memory {
    /// Nothing was measured yet.
    pub fn new(spec: Arc<Spec>) -> Self {
        Self { spec, scaler: None }
    }

    /// The spec in force.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// A changed spec; measurements are kept.
    pub fn configure(&mut self, spec: Arc<Spec>, now: Duration) {
        if let Some(scaler) = &mut self.scaler {
            scaler.configure(*spec, now);
        }
        self.spec = spec;
    }

    /// Adds what a pod measured in one second.
    pub fn observe_pod(&mut self, second: u64, bucket: &Bucket) {
        let load = match self.spec.metric {
            Metric::RequestRate => f64::from(bucket.requests),
            // Of a resource they say whether anybody uses the revision.
            Metric::Concurrency | Metric::Cpu | Metric::Memory => f64::from(bucket.concurrency),
        };
        self.scaler().observe(second, load);
    }

    /// Adds the requests at a time that an activator held in one second. Of a rate they become part at the pod that
    /// gets them: so none is counted twice.
    pub fn observe_held(&mut self, second: u64, concurrency: f64) {
        if self.spec.metric != Metric::RequestRate {
            self.scaler().observe(second, concurrency);
        }
    }

    /// Adds one request in this second that came from nobody: what a wake by hand counts as.
    pub fn observe_wake(&mut self, second: u64) {
        self.scaler().observe(second, 1.0);
    }

    /// Takes what the pods use, or that it is not known.
    pub fn observe_usage(&mut self, now: Duration, usage: Option<Usage>) {
        self.scaler().observe_usage(now, usage);
    }

    /// The averages at `now`.
    pub fn averages(&self, now: Duration) -> Averages {
        self.scaler.as_ref().map_or_else(Averages::default, |scaler| scaler.averages(now))
    }

    /// Who decides.
    pub fn scaler(&mut self) -> &mut Scaler {
        self.scaler.get_or_insert_with(|| Box::new(Scaler::new(*self.spec)))
    }

    /// Forgets all but the spec.
    pub fn rest(&mut self) {
        self.scaler = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scaling::{Decision, Input, Reason};

    use super::*;

    /// A second: requests held, requests at a time, whether the pods wanted are ready.
    type Second = (u32, u8, bool);

    /// One revision, second by second.
    #[derive(Clone)]
    struct Life {
        scaler: Scaler,
        now: Duration,
        desired: u32,
        reason: Reason,
    }

    impl Life {
        fn live(&mut self, (held, load, up): Second) -> Vec<Decision> {
            self.now += Duration::from_secs(1);
            let ready = if up { self.desired } else { 0 };
            if ready > 0 {
                self.scaler.observe(self.now.as_secs() - 1, load.into());
            }
            let desired_now = self.desired;
            let known = Input { ready, reporting: ready, held, routed: true, settled: true, ..Input::default() };
            let wake = self.scaler.wake(self.now, Input { desired_now, ..known });
            self.desired = wake.map_or(desired_now, |decision| decision.desired);
            let desired_now = self.desired;
            let tick = self.scaler.decide(self.now, Input { desired_now, ..known });
            (self.desired, self.reason) = (tick.desired, tick.reason);
            wake.into_iter().chain([tick]).collect()
        }
    }

    fn seconds() -> impl Strategy<Value = Vec<Second>> {
        proptest::collection::vec((prop_oneof![4 => Just(0), 1 => 0..9u32], 0..5u8, any::<bool>()), 0..60)
    }

    proptest! {
        /// The condition is that of `Revision::rest`.
        #[test]
        fn what_is_forgotten_in_sleep_changes_no_decision(before in seconds(), after in seconds()) {
            let (grace, deadline) = (Duration::from_secs(3), Duration::from_secs(15));
            let spec = Spec { target: 1.0, window_s: 6, zero_grace: grace, progress_deadline: deadline, ..Spec::default() };
            let mut life = Life { scaler: Scaler::new(spec), now: Duration::from_secs(1_000), desired: 0, reason: Reason::Asleep };
            for second in before {
                life.live(second);
            }
            let mut asleep = 0;
            for _ in 0..100 {
                let decisions = life.live((0, 0, true));
                let sleeps = decisions.iter().all(|d| d.reason == Reason::Asleep && !d.record.burst_on);
                asleep = if sleeps { asleep + 1 } else { 0 };
                if asleep > 7 {
                    break;
                }
            }
            // A start that failed is remembered until a pod is ready.
            prop_assert_eq!(asleep > 7, life.reason != Reason::Failed);
            if asleep <= 7 {
                return Ok(());
            }
            let mut rested = Life { scaler: Scaler::new(spec), ..life.clone() };
            for second in after {
                prop_assert_eq!(life.live(second), rested.live(second));
            }
        }
    }
}
