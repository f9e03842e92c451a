//! The step machine: from the release as it stood and what is so now, to the release as it is to stand.

use std::time::Duration;

use api::RolloutStatus;
use api::rollout::{Action, ActionKind, OnFailure, Phase, Strategy};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::judge::Probes;
use crate::spec::Spec;
use crate::tally::Tally;

/// What is so at this moment.
#[derive(Debug, Clone, Default)]
pub struct Facts<'a> {
    /// The time of day.
    pub now: Timestamp,
    /// The revision that `latest` stands for: that of the app's template, once it was ready. None while there is none, or
    /// while `latest` gets nothing.
    pub latest: Option<&'a str>,
    /// The revision that serves; none when there is none, or it was deleted.
    pub stable: Option<&'a str>,
    /// `latest` is older than `stable`: somebody goes back.
    pub is_rollback: bool,
    /// Pods of the candidate that are ready.
    pub ready: u32,
    /// Pods of the candidate that are wanted.
    pub candidate_pods: u32,
    /// Pods of the stable revision that are wanted.
    pub stable_pods: u32,
    /// Most pods of a revision.
    pub max: u32,
    /// What the candidate did since the step began.
    pub candidate_did: Tally,
    /// What the stable revision did since then.
    pub stable_did: Tally,
    /// What requests of our own came to since then.
    pub probes: Probes,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// One word in CamelCase.
    pub reason: &'static str,
    /// A sentence with figures.
    pub text: String,
    /// A user should look.
    pub warning: bool,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How the release stands now.
    pub status: RolloutStatus,
    /// What to tell of it.
    pub notes: Vec<Note>,
    /// After which time to look again, if nothing changes before.
    pub again: Option<Duration>,
}

/// Whether a candidate has, or may get, a share.
pub fn is_live(status: &RolloutStatus) -> bool {
    status.candidate.is_some() && status.phase.is_some_and(Phase::is_live)
}

/// One look at the release. The same facts again change nothing more.
pub fn advance(spec: &Spec, action: Option<&Action>, old: &RolloutStatus, facts: &Facts) -> Outcome {
    let mut machine = Machine { spec, facts, status: old.clone(), notes: Vec::new() };
    let again = machine.run(action);
    Outcome { status: machine.status, notes: machine.notes, again }
}

/// The release while it is looked at. What happens within a step is in `step.rs`.
pub(crate) struct Machine<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) status: RolloutStatus,
    pub(crate) notes: Vec<Note>,
}

impl Machine<'_> {
    fn run(&mut self, action: Option<&Action>) -> Option<Duration> {
        self.status.stable = self.facts.stable.or(self.facts.latest).map(str::to_owned);
        match self.facts.latest {
            Some(latest) => self.meet(latest),
            None => self.clear(),
        }
        if let Some(action) = action.filter(|a| self.status.action_token.as_ref() != Some(&a.token)) {
            self.status.action_token = Some(action.token.clone());
            if action.revision.is_none() || action.revision == self.status.candidate {
                self.act(action.kind);
            }
        }
        self.go_on()
    }

    /// Sees to it that the candidate is the latest revision, unless that serves already.
    fn meet(&mut self, latest: &str) {
        let known = self.status.candidate.as_deref() == Some(latest);
        let live = is_live(&self.status);
        if live && known && self.facts.stable.is_none() {
            // Nothing is left to go back to.
            self.promote();
        } else if self.status.stable.as_deref() == Some(latest) {
            if live {
                self.note("RolledBack", format!("the app asks for revision '{latest}' again, which gets everything"));
            }
            self.clear();
        } else if known {
            let waits = matches!(self.status.phase, Some(Phase::Paused | Phase::Aborted | Phase::Failed));
            if self.spec.strategy == Strategy::Immediate && !waits {
                self.promote();
            }
        } else {
            if live {
                let old = self.status.candidate.take().unwrap_or_default();
                self.note("Superseded", format!("revision '{old}' gives way to '{latest}'"));
            }
            self.begin(latest);
        }
    }

    /// A new candidate.
    fn begin(&mut self, candidate: &str) {
        self.clear();
        self.status.candidate = Some(candidate.to_owned());
        if self.facts.is_rollback && self.spec.strategy != Strategy::Manual {
            let text = format!("the app goes back to revision '{candidate}', which gets everything");
            self.note("RolledBack", text);
            return self.settle();
        }
        match self.spec.strategy {
            Strategy::Immediate => return self.settle(),
            Strategy::Manual => self.status.phase = Some(Phase::WaitingForPromotion),
            Strategy::Gradual => {
                self.status.phase = Some(Phase::Warming);
                self.status.pods = self.prewarm();
                self.status.steps = u32::try_from(self.spec.steps.len()).unwrap_or(u32::MAX);
            }
        }
        self.note("ReleaseBegun", format!("revision '{candidate}', strategy {:?}", self.spec.strategy));
    }

    /// What a person wants; done once.
    fn act(&mut self, kind: ActionKind) {
        let Some(phase) = self.status.phase else { return };
        match (kind, phase) {
            (ActionKind::Promote, _) => self.promote(),
            (ActionKind::Abort, phase) if phase.is_live() => self.withdraw(Phase::Aborted, "by action Abort"),
            (ActionKind::Pause, phase) if phase.is_live() && phase != Phase::Paused => {
                self.pause("by action Pause".to_owned());
            }
            (ActionKind::Resume, Phase::Paused) => self.resume(),
            (ActionKind::Resume, Phase::Aborted | Phase::Failed) => {
                let candidate = self.status.candidate.clone().unwrap_or_default();
                self.begin(&candidate);
            }
            _ => {}
        }
    }

    fn go_on(&mut self) -> Option<Duration> {
        match (self.status.phase?, self.spec.strategy) {
            (Phase::Paused | Phase::Aborted | Phase::Failed, _) => None,
            (_, Strategy::Manual) => {
                self.status.phase = Some(Phase::WaitingForPromotion);
                let told = "strategy Manual: action Promote gives it everything, action Abort withdraws it";
                self.status.message = Some(told.to_owned());
                None
            }
            (Phase::WaitingForPromotion, _) if self.status.step > 0 => {
                self.status.phase = Some(Phase::Progressing);
                self.step()
            }
            (Phase::WaitingForPromotion | Phase::Warming, _) => {
                self.warm();
                self.remaining()
            }
            _ => self.step(),
        }
    }

    /// The first share follows when its first pods are ready.
    fn warm(&mut self) {
        self.status.phase = Some(Phase::Warming);
        self.status.pods = self.prewarm();
        let (ready, wanted) = (self.facts.ready, self.status.pods);
        if ready >= wanted {
            self.enter(1);
        } else {
            self.status.message = Some(format!("{ready} of {wanted} pods to begin with are ready"));
        }
    }

    pub(crate) fn prewarm(&self) -> u32 {
        self.spec.prewarm.min(self.facts.max)
    }

    /// The candidate gets everything: it is the stable one from now on.
    pub(crate) fn promote(&mut self) {
        let candidate = self.status.candidate.clone().unwrap_or_default();
        let figures = self.told();
        self.note("Promoted", format!("revision '{candidate}' gets everything; its last step: {figures}"));
        self.settle();
    }

    fn settle(&mut self) {
        self.status.stable = self.status.candidate.take();
        self.clear();
    }

    /// Everything goes back to the stable one.
    pub(crate) fn withdraw(&mut self, phase: Phase, why: &str) {
        let (candidate, figures) = (self.status.candidate.clone().unwrap_or_default(), self.told());
        let stable = self.status.stable.clone().unwrap_or_default();
        let text =
            format!("revision '{candidate}' is withdrawn, '{stable}' gets everything: {why}; its step: {figures}");
        self.notes.push(Note {
            reason: if phase == Phase::Failed { "CheckFailed" } else { "Aborted" },
            text,
            warning: true,
        });
        self.status.phase = Some(phase);
        self.status.message = Some(why.to_owned());
        (self.status.percent, self.status.pods) = (0, 0);
        (self.status.step_until, self.status.paused_since) = (None, None);
    }

    /// Checks failed too often.
    pub(crate) fn fail(&mut self, why: String) {
        match self.spec.on_failure {
            OnFailure::Rollback => self.withdraw(Phase::Failed, &why),
            OnFailure::Pause => {
                let told = self.told();
                self.notes.push(Note { reason: "Paused", text: format!("{why}; {told}"), warning: true });
                self.pause(why);
            }
        }
    }

    fn pause(&mut self, why: String) {
        self.status.phase = Some(Phase::Paused);
        self.status.message = Some(why);
        self.status.paused_since = Some(Time(self.facts.now));
    }

    /// The step goes on where it was: the time of the pause does not count.
    fn resume(&mut self) {
        let paused = self.status.paused_since.take().map(|since| self.facts.now.duration_since(since.0));
        if let (Some(until), Some(paused)) = (&mut self.status.step_until, paused) {
            until.0 = until.0.saturating_add(paused).unwrap_or(until.0);
        }
        self.status.failures = 0;
        self.status.phase = Some(if self.status.step == 0 { Phase::Warming } else { Phase::Progressing });
        self.note("Resumed", "the release goes on".to_owned());
    }

    /// No candidate, and nothing known of one.
    fn clear(&mut self) {
        let (stable, action_token) = (self.status.stable.take(), self.status.action_token.take());
        self.status = RolloutStatus { stable, action_token, ..RolloutStatus::default() };
    }

    pub(crate) fn note(&mut self, reason: &'static str, text: String) {
        self.notes.push(Note { reason, text, warning: false });
    }
}
