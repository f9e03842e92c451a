//! The decision for one revision: the averages' wish, then what differs from Knative on purpose.
//!
//! - Demand on a revision without enough pods is acted on at once ([`Scaler::wake`]), not at the tick.
//! - A start in progress is never taken back: until the first pod is ready, or the progress deadline has passed.
//! - No data is not zero: while ready pods do not report, nothing is scaled in.
//! - The last pod goes after a whole window of zero, and then the grace. A revision that is not routed keeps what it
//!   has until then, so that a new one does not shrink between its first ready pod and its first traffic.

use std::time::Duration;

use crate::bounds::{Bound, bounded};
use crate::decide::{Averages, Decider};
use crate::spec::Spec;
use crate::trace::{Reason, Record};
use crate::window::Window;
use crate::zero::{Idle, Quiet};

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
    stable: Window,
    burst: Window,
    decider: Decider,
    idle: Idle,
    start: Start,
    /// When requests were last seen waiting or running.
    demanded: Option<Duration>,
}

/// A start in progress.
#[derive(Debug, Clone, Copy)]
enum Start {
    None,
    Since {
        at: Duration,
        pods: u32,
    },
    /// The deadline passed without a ready pod; judged by the ordinary rules until one is ready or wanted anew.
    Overdue,
}

impl Scaler {
    /// A revision of which nothing is known yet.
    pub fn new(spec: Spec) -> Self {
        Self {
            spec,
            stable: Window::new(spec.stable_window_s()),
            burst: Window::new(spec.burst_window_s()),
            decider: Decider::default(),
            idle: Idle::default(),
            start: Start::None,
            demanded: None,
        }
    }

    /// The spec in force.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// A changed spec; measurements are kept.
    pub fn configure(&mut self, spec: Spec, now: Duration) {
        self.stable.resize(spec.stable_window_s(), now.as_secs());
        self.burst.resize(spec.burst_window_s(), now.as_secs());
        self.spec = spec;
    }

    /// Adds what one sender measured in one second: requests at a time.
    pub fn observe(&mut self, second: u64, concurrency: f64) {
        self.stable.record(second, concurrency);
        self.burst.record(second, concurrency);
    }

    /// The averages at `now`.
    pub fn averages(&self, now: Duration) -> Averages {
        Averages { stable: self.stable.average(now.as_secs()), burst: self.burst.average(now.as_secs()) }
    }

    /// Demand that cannot wait for the tick: the decision if it asks for more pods than are wanted so far and some of
    /// those are not there yet. It never lowers.
    pub fn wake(&mut self, now: Duration, input: Input) -> Option<Decision> {
        if !needs_wake(&input) {
            return None;
        }
        self.follow_start(now, &input);
        let record = self.surge(now, &input);
        if record.desired <= input.desired_now {
            return None;
        }
        self.note_start(now, &input, record.desired);
        self.demanded = Some(now);
        Some(Decision { desired: record.desired, reason: record.reason, record })
    }

    /// One tick.
    pub fn decide(&mut self, now: Duration, input: Input) -> Decision {
        self.follow_start(now, &input);
        let mut record = self.by_load(now, &input);
        if needs_wake(&input) {
            let surge = self.surge(now, &input);
            if surge.wanted > record.wanted {
                record = surge;
            }
        }
        self.hold(now, &input, &mut record);
        let (desired, bound) = bounded(record.desired, &self.spec, input.routed);
        record.desired = desired;
        match bound {
            Bound::Within => {}
            Bound::Minimum => record.reason = Reason::Minimum,
            Bound::Maximum => record.reason = Reason::Maximum,
        }
        self.note_start(now, &input, desired);
        if desired == 0 {
            self.stable.rest(now.as_secs());
            self.burst.rest(now.as_secs());
        }
        Decision { desired, reason: record.reason, record }
    }

    /// What the windows ask for.
    fn by_load(&mut self, now: Duration, input: &Input) -> Record {
        let averages = self.averages(now);
        let wanted = self.decider.decide(now, &self.spec, input.ready, input.routed, averages);
        let reason = if wanted.burst_on { Reason::Burst } else { Reason::Load };
        let load = if wanted.burst_on { averages.stable.max(averages.burst) } else { averages.stable };
        Record {
            load: load as f32,
            wanted: wanted.pods,
            burst_on: wanted.burst_on,
            reason,
            desired: wanted.pods,
            ..self.record(now, input, averages)
        }
    }

    /// What the requests of this moment ask for, bounds applied.
    fn surge(&mut self, now: Duration, input: &Input) -> Record {
        let load = input.held.saturating_add(input.in_flight);
        let wanted = self.decider.surge(now, &self.spec, input.ready, load);
        let (desired, _) = bounded(wanted.pods.max(1), &self.spec, input.routed);
        Record {
            load: load as f32,
            wanted: wanted.pods,
            burst_on: wanted.burst_on,
            reason: Reason::Demand,
            desired,
            ..self.record(now, input, self.averages(now))
        }
    }

    /// The rules that keep pods which load alone would give up.
    fn hold(&mut self, now: Duration, input: &Input, record: &mut Record) {
        let unknown = input.ready > 0 && (input.reporting < input.ready || self.stable.is_silent(now.as_secs()));
        let starting = match self.start {
            Start::Since { pods, .. } => pods,
            Start::None | Start::Overdue => 0,
        };
        // The current second is not measured yet; the window that must be zero ends before it.
        let measured = now.as_secs().saturating_sub(1);
        if input.held > 0 || input.in_flight > 0 {
            self.demanded = Some(now);
        }
        // What was seen just now is in no window before its second is over and reported.
        let window = Duration::from_secs(u64::from(self.spec.stable_window_s()));
        let seen = self.demanded.is_some_and(|at| now.saturating_sub(at) < window);
        let busy = seen || record.stable > 0.0 || self.stable.average(measured) > 0.0;
        let known_zero = input.ready == 0 || self.stable.is_whole(measured);
        let idle = !busy && !unknown && input.settled && starting == 0 && known_zero;
        let quiet = self.idle.judge(now, idle, self.spec.zero_grace);

        let (pods, reason) = if unknown {
            (input.desired_now, Reason::Unreported)
        } else if !input.settled {
            (input.desired_now, Reason::Settling)
        } else if starting > 0 {
            (starting, Reason::Starting)
        } else if record.desired > 0 || input.desired_now == 0 {
            if record.desired == 0 {
                record.reason = Reason::Asleep;
            }
            return;
        } else {
            match quiet {
                Quiet::Over => {
                    record.reason = Reason::Idle;
                    return;
                }
                Quiet::Waiting { left } => {
                    record.left = left;
                    (last_pods(input), Reason::Grace)
                }
                Quiet::No => (last_pods(input), Reason::Load),
            }
        };
        if record.desired < pods {
            record.desired = pods;
            record.reason = reason;
        }
    }

    /// Begins, ends or gives up on a start, by what is so before the decision.
    fn follow_start(&mut self, now: Duration, input: &Input) {
        if input.ready > 0 {
            self.start = Start::None;
            return;
        }
        self.start = match self.start {
            Start::None if input.initial => {
                Start::Since { at: now, pods: self.spec.initial.max(self.spec.min).max(input.desired_now) }
            }
            Start::None if input.desired_now > 0 => Start::Since { at: now, pods: input.desired_now },
            Start::Since { at, .. } if now.saturating_sub(at) >= self.spec.progress_deadline => Start::Overdue,
            other => other,
        };
    }

    /// A start grows with what is decided; pods wanted of none are a new start, with a deadline of its own.
    fn note_start(&mut self, now: Duration, input: &Input, desired: u32) {
        if input.ready > 0 || desired == 0 {
            return;
        }
        self.start = match self.start {
            Start::Since { at, pods } => Start::Since { at, pods: pods.max(desired) },
            Start::None | Start::Overdue if input.desired_now == 0 => Start::Since { at: now, pods: desired },
            other => other,
        };
    }

    fn record(&self, now: Duration, input: &Input, averages: Averages) -> Record {
        Record {
            at: now,
            held: input.held,
            in_flight: input.in_flight,
            ready: input.ready,
            reporting: input.reporting,
            before: input.desired_now,
            stable: averages.stable as f32,
            burst: averages.burst as f32,
            load: 0.0,
            per_pod: self.spec.per_pod() as f32,
            wanted: 0,
            burst_on: false,
            routed: input.routed,
            min: if input.routed { self.spec.min } else { 0 },
            max: self.spec.max,
            left: Duration::ZERO,
            reason: Reason::Load,
            desired: 0,
        }
    }
}

/// Whether requests wait for pods that are not there.
fn needs_wake(input: &Input) -> bool {
    input.held > 0 && (input.desired_now == 0 || input.ready < input.desired_now)
}

/// Pods to keep while the window or the grace runs.
fn last_pods(input: &Input) -> u32 {
    if input.routed { 1 } else { input.desired_now }
}
