//! A start in progress is never taken back.

use std::time::Duration;

use crate::scaler::Input;
use crate::spec::Spec;

/// The start of one revision.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Start {
    /// None is in progress.
    #[default]
    None,
    /// Pods are on their way.
    Since {
        /// When it began.
        at: Duration,
        /// Pods to wait for.
        pods: u32,
        /// Ready pods that end it.
        enough: u32,
    },
    /// The deadline passed without enough ready pods; judged by the ordinary rules until one is ready or wanted anew.
    /// With none at all it has failed ([`crate::retry`]).
    Overdue,
}

impl Start {
    /// Begins, ends or gives up, by what is so before the decision. A new revision has started when as many pods as it
    /// is to begin with are ready and the cluster has seen one, any other with the first one. Returns whether it gave up.
    pub(crate) fn follow(&mut self, now: Duration, input: &Input, spec: &Spec) -> bool {
        let enough = if let Self::Since { enough, .. } = *self { enough } else { 1 };
        let first = if input.initial { spec.initial.max(spec.min) } else { 0 };
        let first = if spec.max == 0 { first } else { first.min(spec.max) };
        let pods = first.max(input.desired_now);
        let before = std::mem::take(self);
        if input.ready >= enough {
            // A pod says that it is ready before the cluster does: a new revision that slept in between would be a new
            // one for ever.
            *self = match before {
                _ if !input.initial => Self::None,
                Self::Since { .. } => before,
                Self::None | Self::Overdue => Self::Since { at: now, pods, enough },
            };
            return false;
        }
        *self = match before {
            Self::None if pods > 0 => Self::Since { at: now, pods, enough: first.max(1) },
            Self::Since { at, .. } if now.saturating_sub(at) >= spec.progress_deadline => Self::Overdue,
            other => other,
        };
        matches!((before, *self), (Self::Since { .. }, Self::Overdue))
    }

    /// A start grows with what is decided; pods wanted of none are a new start, with a deadline of its own.
    pub(crate) fn note(&mut self, now: Duration, input: &Input, desired: u32) {
        if desired == 0 {
            return;
        }
        *self = match *self {
            Self::Since { at, pods, enough } => Self::Since { at, pods: pods.max(desired), enough },
            Self::None | Self::Overdue if input.desired_now == 0 => Self::Since { at: now, pods: desired, enough: 1 },
            other => other,
        };
    }

    /// Pods of a start in progress; 0 if there is none.
    pub(crate) fn pods(&self) -> u32 {
        match self {
            Self::Since { pods, .. } => *pods,
            Self::None | Self::Overdue => 0,
        }
    }
}
