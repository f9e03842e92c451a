//! One run: arrivals in, decisions at their moments, answers out. No clock but its own.

use std::collections::VecDeque;
use std::time::Duration;

use scaling::{Decision, Input, Metric, Scaler, Spec};

use super::arrivals::Arrivals;
use super::outcome::{Outcome, Sample};
use super::pods::Pods;
use super::trace::Trace;

/// Microseconds since the trace began.
pub type Micros = u64;

/// Microseconds of a second.
pub const SECOND: Micros = 1_000_000;
/// Seconds between two looks, as in the operator.
const TICK_S: u64 = 2;
/// The operator's count of seconds begins here; a window may look back before the first.
const ORIGIN: Duration = Duration::from_secs(100_000);
/// How long after the end of a trace requests may be under way, seconds. What is left then is lost.
const DRAIN_MAX_S: u64 = 24 * 3600;

/// What is known of the pods.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// Time that a pod takes for a request.
    pub service: Duration,
    /// Time from the decision until a new pod takes requests.
    pub start: Duration,
    /// Requests that a pod works on at a time.
    pub places: u32,
}

/// Runs a trace through a policy. The revision has been ready before and has its fewest pods.
pub fn simulate(trace: &Trace, spec: Spec, model: Model, seed: u64) -> Outcome {
    let mut arrivals = Arrivals::new(trace, seed).peekable();
    let mut run = Run::new(spec, model);
    let mut second = SECOND;
    loop {
        let next = arrivals.peek().copied().into_iter().chain(run.pods.next_event()).fold(second, Micros::min);
        run.pass(next);
        if next == second {
            run.end_second();
            let after = (second / SECOND).saturating_sub(trace.seconds());
            if second >= trace.seconds() * SECOND && (run.is_over() || after >= DRAIN_MAX_S) {
                return run.outcome;
            }
            second += SECOND;
        }
        if arrivals.next_if_eq(&next).is_some() {
            run.arrive();
        }
    }
}

struct Run {
    model: Model,
    scaler: Scaler,
    now: Micros,
    desired: u32,
    pods: Pods,
    /// When those that wait came.
    waiting: VecDeque<Micros>,
    /// Requests times microseconds of the second so far, those that wait included.
    busy: u64,
    /// Requests that pods began with in the second so far.
    begun: u64,
    /// Requests that came in the second so far.
    arrived: u32,
    outcome: Outcome,
}

impl Run {
    fn new(spec: Spec, model: Model) -> Self {
        let scaler = Scaler::new(spec);
        let desired = scaler.spec().min;
        Self {
            model,
            scaler,
            now: 0,
            desired,
            pods: Pods::new(desired, model.places),
            waiting: VecDeque::new(),
            busy: 0,
            begun: 0,
            arrived: 0,
            outcome: Outcome { peak_pods: desired, ..Outcome::default() },
        }
    }

    /// Time goes on to `to`, where the next thing happens.
    fn pass(&mut self, to: Micros) {
        let passed = to - self.now;
        self.busy += (self.waiting.len() as u64 + self.pods.in_flight()) * passed;
        self.outcome.pod_micros += self.pods.all() * passed;
        self.now = to;
        self.outcome.answered += self.pods.pass(to);
        self.dispatch();
    }

    fn arrive(&mut self) {
        self.arrived += 1;
        self.outcome.requests += 1;
        self.outcome.cold_starts += u64::from(self.pods.ready() == 0);
        self.waiting.push_back(self.now);
        self.dispatch();
        if !self.waiting.is_empty()
            && let Some(decision) = self.scaler.wake(self.time(), self.input())
        {
            self.follow(decision);
        }
    }

    /// Those that wait go to pods, first come, first served.
    fn dispatch(&mut self) {
        let answer = self.now + micros(self.model.service);
        while let Some(&came) = self.waiting.front() {
            if !self.pods.take(answer) {
                return;
            }
            self.waiting.pop_front();
            self.begun += 1;
            self.outcome.waited(self.now - came);
        }
    }

    /// The second's measurements arrive, and every other time all is looked at.
    fn end_second(&mut self) {
        let load = match self.scaler.spec().metric {
            Metric::RequestRate => self.begun as f64,
            Metric::Concurrency | Metric::Cpu | Metric::Memory => self.busy as f64 / SECOND as f64,
        };
        if self.pods.measure() || load > 0.0 {
            self.scaler.observe(self.time().as_secs() - 1, load);
        }
        if (self.now / SECOND).is_multiple_of(TICK_S) {
            let decision = self.scaler.decide(self.time(), self.input());
            self.follow(decision);
        }
        self.outcome.timeline.push(Sample { requests: self.arrived, pods: self.pods.staying() });
        (self.busy, self.begun, self.arrived) = (0, 0, 0);
    }

    fn follow(&mut self, decision: Decision) {
        self.desired = decision.desired;
        self.pods.scale(self.desired, self.now + micros(self.model.start));
        self.outcome.peak_pods = self.outcome.peak_pods.max(self.desired);
    }

    fn input(&self) -> Input {
        Input {
            ready: self.pods.ready(),
            reporting: self.pods.ready(),
            desired_now: self.desired,
            held: self.waiting.len() as u32,
            in_flight: self.pods.in_flight() as u32,
            scheduled: 0,
            routed: true,
            initial: false,
            settled: true,
        }
    }

    fn time(&self) -> Duration {
        ORIGIN + Duration::from_micros(self.now)
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.pods.in_flight() == 0
    }
}

fn micros(time: Duration) -> Micros {
    time.as_micros() as Micros
}
