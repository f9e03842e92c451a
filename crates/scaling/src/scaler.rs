//! The decision for one revision: the averages' wish, then what differs from Knative on purpose.
//!
//! - Demand on a revision without enough pods is acted on at once ([`Scaler::wake`]), not at the tick.
//! - A start in progress is never taken back: until its first pods are ready, or the progress deadline has passed.
//! - A start without a ready pod at its deadline has failed: nothing is asked for until a wait is over, which doubles
//!   each time, and then only for requests that wait.
//! - No data is not zero: while ready pods do not report, nothing is scaled in.
//! - A burst takes back nothing at all, also not what was wanted before it began.
//! - A weighted average does not fall because the second in progress is not reported yet.
//! - Where the metric is a resource, what the pods use says how many there are to be; requests say only that one has
//!   to wake, and when one that is not routed may sleep.
//! - The last pod goes after a whole window of zero, and then the grace. A revision that is not routed keeps what it
//!   has until then, so that a new one does not shrink between its first ready pod and its first traffic.

mod hold;
mod wish;

use std::time::Duration;

use crate::bounds::{Bound, bounded};
use crate::decide::{Averages, Decider};
use crate::reason::Reason;
use crate::record::Record;
use crate::resource::{Resource, Usage};
use crate::retry::Retry;
use crate::spec::{Aggregation, Spec};
use crate::start::Start;
use crate::windows::Windows;
use crate::zero::Idle;

/// More load than any measurement can truly say: sums of it stay exact enough for a zero to be seen.
const LOAD_MAX: f64 = 1e8;

/// A second is reported within this time after it began. A weighted average, whose newest second counts most, must not
/// take that for silence.
const REPORT_LAG_S: u64 = 2;

/// What is so at the moment of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Input {
    /// Pods that take requests.
    pub ready: u32,
    /// Pods whose measurements arrive.
    pub reporting: u32,
    /// Pods wanted so far.
    pub desired_now: u32,
    /// Requests held by activators.
    pub held: u32,
    /// Requests in the pods, those waiting there included.
    pub in_flight: u32,
    /// Fewest pods while the revision is routed, as a schedule has it; the higher of this and the spec's holds.
    pub scheduled: u32,
    /// Whether traffic is routed to the revision.
    pub routed: bool,
    /// Whether the revision has never had a ready pod.
    pub initial: bool,
    /// Whether all that is connected has reported; before that nothing is scaled in.
    pub settled: bool,
}

/// What to do, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// Pods wanted from now on.
    pub desired: u32,
    /// What had the last word.
    pub reason: Reason,
    /// The whole of it.
    pub record: Record,
}

/// The memory of one revision. A second on its windows is a second of the `now` that decisions get.
#[derive(Debug, Clone)]
pub struct Scaler {
    spec: Spec,
    windows: Windows,
    decider: Decider,
    idle: Idle,
    start: Start,
    retry: Retry,
    /// Where the metric is a resource and was read.
    resource: Option<Box<Resource>>,
    /// When requests were last seen waiting or running.
    demanded: Option<Duration>,
}

impl Scaler {
    /// A revision of which nothing is known yet.
    pub fn new(spec: Spec) -> Self {
        let spec = spec.clamped();
        Self {
            windows: Windows::new(&spec),
            spec,
            decider: Decider::default(),
            idle: Idle::default(),
            start: Start::None,
            retry: Retry::default(),
            resource: None,
            demanded: None,
        }
    }

    /// The spec in force: what was given, every number within its range.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// A changed spec, in force from the next decision; measurements are kept, but for what pods use of another
    /// resource.
    pub fn configure(&mut self, spec: Spec, now: Duration) {
        if spec.metric != self.spec.metric {
            self.resource = None;
        }
        self.spec = spec.clamped();
        self.windows.resize(&self.spec, now.as_secs());
    }

    /// Adds what one sender measured in one second, in the metric's unit: requests in that second for a rate, else
    /// requests at a time. What cannot be a measurement (negative, infinite, not a number) is none.
    pub fn observe(&mut self, second: u64, load: f64) {
        if load.is_finite() && load >= 0.0 {
            self.windows.record(second, load.min(LOAD_MAX));
        }
    }

    /// Takes what the pods use, or that it is not known; it counts for a minute. Nothing where the metric is none of a
    /// resource.
    pub fn observe_usage(&mut self, now: Duration, usage: Option<Usage>) {
        if self.spec.metric.is_resource() {
            self.resource.get_or_insert_default().read(now, usage);
        }
    }

    /// The averages of requests at `now`.
    pub fn averages(&self, now: Duration) -> Averages {
        let lag = match self.spec.aggregation {
            Aggregation::Linear => 0,
            Aggregation::WeightedExponential => REPORT_LAG_S,
        };
        self.windows.averages(now.as_secs().saturating_sub(lag), self.spec.aggregation)
    }

    /// Bytes beside the struct itself: none while the revision sleeps.
    pub fn heap_bytes(&self) -> usize {
        let resource = self.resource.as_ref().map_or(0, |resource| resource.heap_bytes());
        self.windows.heap_bytes() + self.decider.heap_bytes() + resource
    }

    /// What cannot wait for the tick: requests that pods are not there for, and the pods that a new revision begins
    /// with, whose first one may be ready before. The decision if it asks for more pods than are wanted so far; it
    /// never lowers.
    pub fn wake(&mut self, now: Duration, input: Input) -> Option<Decision> {
        let waited_for = needs_wake(&input);
        if !waited_for && !input.initial {
            return None;
        }
        self.follow(now, &input);
        if self.retry.refuses(now, &input) {
            return None;
        }
        let mut record = self.record(now, &input, self.decider.nothing_known());
        if waited_for {
            self.surge(now, &input, &mut record);
        } else {
            record.reason = Reason::Starting;
        }
        record.desired = record.wanted.max(record.starting);
        (record.desired, _) = bounded(record.desired, &self.spec_at(now, &input), input.routed);
        if record.desired <= input.desired_now {
            return None;
        }
        self.start.note(now, &input, record.desired);
        if waited_for {
            self.demanded = Some(now);
        }
        Some(Decision { desired: record.desired, reason: record.reason, record })
    }

    /// One tick.
    pub fn decide(&mut self, now: Duration, input: Input) -> Decision {
        self.follow(now, &input);
        let mut record = self.by_load(now, &input);
        if needs_wake(&input) {
            self.surge(now, &input, &mut record);
        }
        record.desired = record.wanted;
        self.hold(now, &input, &mut record);
        if self.retry.refuses(now, &input) {
            record.desired = 0;
            record.reason = Reason::Failed;
            record.retry_in_s = self.retry.left(now).as_secs_f64().ceil() as u32;
        }
        let (desired, bound) = bounded(record.desired, &self.spec_at(now, &input), input.routed);
        record.desired = desired;
        match bound {
            Bound::Within => {}
            Bound::Minimum if input.scheduled > self.spec.min => record.reason = Reason::Schedule,
            Bound::Minimum => record.reason = Reason::Minimum,
            Bound::Maximum => record.reason = Reason::Maximum,
        }
        self.start.note(now, &input, desired);
        if desired == 0 {
            self.windows.rest(now.as_secs());
        }
        Decision { desired, reason: record.reason, record }
    }

    /// The spec with the minimum of this moment. Without a pod there is no use to measure, and none would ever be wanted
    /// again: one stays where the metric is a resource, unless its start has failed, after which requests ask for it.
    fn spec_at(&self, now: Duration, input: &Input) -> Spec {
        let measured = self.spec.metric.is_resource() && !self.retry.refuses(now, input);
        Spec { min: self.spec.min.max(input.scheduled).max(u32::from(measured)), ..self.spec }
    }

    fn follow(&mut self, now: Duration, input: &Input) {
        let overdue = self.start.follow(now, input, &self.spec_at(now, input));
        self.retry.follow(now, input, overdue);
    }
}

/// Whether requests wait for pods that are not there.
fn needs_wake(input: &Input) -> bool {
    input.held > 0 && (input.desired_now == 0 || input.ready < input.desired_now)
}
