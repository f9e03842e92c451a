//! The rules that keep pods which load alone would give up.

use std::time::Duration;

use super::{Input, Scaler};
use crate::reason::Reason;
use crate::record::Record;

impl Scaler {
    pub(super) fn hold(&mut self, now: Duration, input: &Input, record: &mut Record) {
        let silent = input.ready > 0 && (input.reporting < input.ready || self.windows.is_silent(now.as_secs()));
        // Of pods that are measured otherwise, requests only say whether the last may go.
        let unknown = silent && !(self.spec.metric.is_resource() && record.wanted > 0);
        let idle_for = self.idle_for(now, input, record, unknown);
        let (pods, reason) = if unknown {
            (input.desired_now, Reason::Unreported)
        } else if !input.settled {
            (input.desired_now, Reason::Settling)
        } else if record.starting > 0 {
            (record.starting, Reason::Starting)
        } else if record.burst_on {
            (input.desired_now, Reason::Burst)
        } else if record.desired > 0 {
            return;
        } else if input.desired_now == 0 {
            record.reason = Reason::Asleep;
            return;
        } else {
            let last = if input.routed { 1 } else { input.desired_now };
            (last, self.last_pods(input, record, idle_for))
        };
        if reason == Reason::Idle {
            record.reason = reason;
        } else if record.desired < pods {
            record.desired = pods;
            record.reason = reason;
        }
    }

    /// Whether the last pods may go ([`Reason::Idle`]), or what keeps them.
    fn last_pods(&self, input: &Input, record: &mut Record, idle_for: Option<Duration>) -> Reason {
        let Some(idle_for) = idle_for else { return Reason::Load };
        let retention = if input.routed { self.spec.zero_retention } else { Duration::ZERO };
        record.grace_left = self.spec.zero_grace.saturating_sub(idle_for);
        record.retention_left = retention.saturating_sub(idle_for);
        if !record.grace_left.is_zero() {
            Reason::Grace
        } else if !record.retention_left.is_zero() {
            Reason::Retention
        } else {
            Reason::Idle
        }
    }

    /// For how long the revision has been known to be without load; nothing while that is not known, or while the
    /// delay has yet to pass.
    fn idle_for(&mut self, now: Duration, input: &Input, record: &Record, unknown: bool) -> Option<Duration> {
        if input.held > 0 || input.in_flight > 0 {
            self.demanded = Some(now);
        }
        // What was seen just now is in no window before its second is over and reported.
        let seen = self.demanded.is_some_and(|at| now.saturating_sub(at) < self.spec.stable_window());
        // The current second is not measured yet; the window that must be zero ends before it.
        let measured = now.as_secs().saturating_sub(1);
        let busy = seen || self.windows.is_busy(measured);
        let known_zero = input.ready == 0 || self.windows.is_whole(measured);
        let idle = !busy && !unknown && input.settled && record.starting == 0 && record.delayed == 0 && known_zero;
        self.idle.watch(now, idle)
    }
}
