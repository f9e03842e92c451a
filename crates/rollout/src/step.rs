//! What happens within a step: checks, and whether the next one may begin.

use std::time::Duration;

use api::RolloutStatus;
use api::rollout::{Figures, NoData, Phase};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::judge::{Probes, Verdict, judge};
use crate::machine::Machine;
use crate::share::capacity;
use crate::spec::{Analysis, Spec};
use crate::tally::Tally;
use crate::text;

/// How soon to look again for pods of the next share; their changes are heard of sooner.
const CAPACITY: Duration = Duration::from_secs(5);

impl Machine<'_> {
    /// One look at a step that runs.
    pub(crate) fn step(&mut self) -> Option<Duration> {
        let over = is_over(&self.status, self.facts.now);
        match self.spec.analysis.clone() {
            None if over => self.next(),
            None => self.progress(),
            Some(analysis) if is_due(&analysis, &self.status, self.facts.now) => self.check(&analysis, over),
            // The last check let it pass, and has not to be made again for pods that come.
            Some(_) if self.status.phase == Some(Phase::WaitingForCapacity) => self.next(),
            Some(_) => {}
        }
        self.remaining()
    }

    fn check(&mut self, analysis: &Analysis, over: bool) {
        let facts = self.facts;
        let verdict = judge(analysis, &facts.candidate_did, &facts.stable_did, facts.probes);
        let figures = Some(figures(&facts.candidate_did, facts.probes));
        let news = self.status.figures != figures;
        self.status.figures = figures;
        self.status.stable_figures = Some(figures_of(&facts.stable_did));
        // What says nothing new is not written: a release may wait for days.
        if news || matches!(verdict, Verdict::Fail(_)) {
            self.status.checked = Some(Time(facts.now));
        }
        match verdict {
            // The same requests are no second witness, unless no more are waited for.
            Verdict::Fail(why) => {
                self.status.failures += u32::from(news || over);
                if self.status.failures >= analysis.failure_limit {
                    return self.fail(why);
                }
                self.status.phase = Some(Phase::Progressing);
                let (failures, limit) = (self.status.failures, analysis.failure_limit);
                self.status.message = Some(format!("check failed ({failures} of {limit} in a row): {why}"));
            }
            Verdict::Pass => {
                self.status.failures = 0;
                if over { self.next() } else { self.progress() }
            }
            Verdict::NoData(_) if !over => self.progress(),
            Verdict::NoData(seen) => self.without_data(analysis, seen),
        }
    }

    fn without_data(&mut self, analysis: &Analysis, seen: u64) {
        let few = format!("{seen} of {} requests that a check needs (minRequests)", analysis.min_requests);
        match analysis.no_data {
            NoData::Advance => self.next(),
            NoData::Abort => self.fail(format!("the step's time is over with {few}")),
            NoData::Hold => {
                if self.status.phase != Some(Phase::WaitingForTraffic) {
                    self.note("WaitingForTraffic", format!("the step's time is over with {few}"));
                }
                self.status.phase = Some(Phase::WaitingForTraffic);
                self.status.message = Some(few);
            }
        }
    }

    fn progress(&mut self) {
        self.status.phase = Some(Phase::Progressing);
        let (step, steps, percent) = (self.status.step, self.spec.steps.len(), self.status.percent);
        self.status.message = Some(format!("step {step} of {steps}: {percent} %"));
    }

    /// The next step, as soon as there are pods for its share.
    fn next(&mut self) {
        let (facts, step) = (self.facts, self.status.step);
        let percent = self.spec.steps.get(step as usize).copied().unwrap_or(100);
        let need = capacity(facts.stable_pods, facts.candidate_pods, percent, facts.max).max(self.prewarm());
        // Asked for once: what the candidate gets meanwhile must not raise the bar.
        if self.status.phase != Some(Phase::WaitingForCapacity) {
            self.status.pods = need;
        }
        let need = self.status.pods;
        if facts.ready < need {
            self.status.phase = Some(Phase::WaitingForCapacity);
            self.status.message = Some(format!("{} of {need} pods for {percent} % are ready", facts.ready));
        } else if percent == 100 {
            self.promote();
        } else {
            self.enter(step + 1);
        }
    }

    /// Begins a step, counted from 1.
    pub(crate) fn enter(&mut self, step: u32) {
        let before = self.status.percent;
        let Some(percent) = self.spec.steps.get(step as usize - 1).copied() else { return self.promote() };
        let figures = if before == 0 { String::new() } else { format!(": {}", self.told()) };
        self.note("RolloutStep", format!("{before} % → {percent} %{figures}"));
        let now = self.facts.now;
        let until = now.saturating_add(self.spec.step_time()).unwrap_or(Timestamp::MAX);
        self.status.step = step;
        self.status.steps = u32::try_from(self.spec.steps.len()).unwrap_or(u32::MAX);
        self.status.percent = percent;
        self.status.step_since = Some(Time(now));
        self.status.step_until = Some(Time(until));
        self.status.checked = Some(Time(now));
        self.status.failures = 0;
        (self.status.figures, self.status.stable_figures) = (None, None);
        self.progress();
    }

    /// The candidate's figures in this step.
    pub(crate) fn told(&self) -> String {
        text::figures(&figures(&self.facts.candidate_did, self.facts.probes))
    }

    /// Until the next check or the end of the step, whichever is first.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let phase = self.status.phase?;
        if !runs(phase) {
            return None;
        }
        let now = self.facts.now;
        let left = |end: Timestamp| Duration::try_from(end.duration_since(now)).unwrap_or(Duration::ZERO);
        let end = self.status.step_until.as_ref().map(|until| left(until.0)).filter(|_| !is_over(&self.status, now));
        let check = self.spec.analysis.as_ref().zip(self.status.checked.as_ref());
        let next =
            |checked: &Time, interval: Duration| left(checked.0.saturating_add(interval).unwrap_or(Timestamp::MAX));
        // One that is due was just made, and had nothing to say.
        let check = check.map(|(analysis, checked)| match next(checked, analysis.interval) {
            Duration::ZERO => analysis.interval,
            left => left,
        });
        let pods = (phase == Phase::WaitingForCapacity).then_some(CAPACITY);
        [end, check, pods].into_iter().flatten().min()
    }
}

/// Whether a check is to be made now: probes are sent before it.
pub fn is_check_due(spec: &Spec, status: &RolloutStatus, now: Timestamp) -> bool {
    status.phase.is_some_and(runs) && spec.analysis.as_ref().is_some_and(|analysis| is_due(analysis, status, now))
}

/// A step runs: there are checks.
fn runs(phase: Phase) -> bool {
    matches!(phase, Phase::Progressing | Phase::WaitingForTraffic | Phase::WaitingForCapacity)
}

/// The step's time has passed.
fn is_over(status: &RolloutStatus, now: Timestamp) -> bool {
    status.step_until.as_ref().is_none_or(|until| now >= until.0)
}

fn is_due(analysis: &Analysis, status: &RolloutStatus, now: Timestamp) -> bool {
    let Some(checked) = &status.checked else { return true };
    let since = now.duration_since(checked.0).unsigned_abs();
    let before_the_end = status.step_until.as_ref().is_some_and(|until| checked.0 < until.0);
    since >= analysis.interval || (is_over(status, now) && before_the_end)
}

fn figures(did: &Tally, probes: Probes) -> Figures {
    let users = figures_of(did);
    Figures { requests: users.requests + probes.sent, errors: users.errors + probes.failed, ..users }
}

fn figures_of(did: &Tally) -> Figures {
    let p99 = did.times.quantile(0.99).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    Figures { requests: did.requests, errors: did.errors, cold_starts: did.cold_starts, p99_milliseconds: p99 }
}
