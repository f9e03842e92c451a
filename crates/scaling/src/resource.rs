//! How many pods the use of CPU or memory asks for: the arithmetic of Kubernetes' HorizontalPodAutoscaler for a
//! resource with a utilisation target (pkg/controller/podautoscaler/replica_calculator.go), with its tolerance, its
//! bound on growth and its stabilisation of a scale-in.

use std::time::Duration;

use crate::decide::Wanted;
use crate::delay::Delay;
use crate::spec::Spec;

/// Part of the target by which the use may differ from it without a change.
const TOLERANCE: f64 = 0.1;
/// So many pods more are always allowed at once, or the up rate would hold a small revision back.
const MORE_AT_ONCE: u32 = 4;
/// For how long a reading counts: a few may fail.
const READING_KEPT: Duration = Duration::from_mins(1);

/// What the pods of a revision use of one resource, as it was read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// What the measured pods use of what their containers request, percent, rounded down.
    pub percent: u32,
    /// Pods whose use is known.
    pub measured: u32,
    /// Pods that run and whose use is not known.
    pub missing: u32,
    /// Pods that start: what they use says nothing of the load.
    pub starting: u32,
}

impl Usage {
    /// Pods that carry this use at `target` percent each, when `current` are wanted so far. At least one.
    ///
    /// What is not known is taken to speak against a change, and never turns its direction: on the way up the missing
    /// and the starting pods use nothing, on the way down the missing use all that they request, or the target if that
    /// is more.
    fn asks_for(&self, target: f64, current: u32) -> u32 {
        let known = f64::from(self.percent) * f64::from(self.measured);
        let ratio = f64::from(self.percent) / target;
        let (pods, load) = if ratio > 1.0 {
            (self.pods(), known)
        } else {
            (self.measured.saturating_add(self.missing), known + f64::from(self.missing) * target.max(100.0))
        };
        // A utilisation is a whole number, rounded down, this one too.
        let percent = (load / f64::from(pods)).floor();
        let assumed = percent / target;
        let asked = (percent * f64::from(pods) / target).ceil() as u32;
        if is_on_target(assumed) || (ratio > 1.0) != (assumed > 1.0) {
            current
        } else if ratio > 1.0 {
            asked.max(current)
        } else {
            asked.min(current)
        }
        .max(1)
    }

    fn pods(&self) -> u32 {
        self.measured.saturating_add(self.missing).saturating_add(self.starting)
    }
}

/// Whether a use, as a part of the target, is near enough to it.
pub(crate) fn is_on_target(ratio: f64) -> bool {
    (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&ratio)
}

/// The memory of a revision that scales by what its pods use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    reading: Option<(Duration, Usage)>,
    delay: Delay,
}

impl Resource {
    /// Takes a reading; none, or one without a measured pod, says that nothing is known.
    pub(crate) fn read(&mut self, now: Duration, usage: Option<Usage>) {
        self.reading = usage.filter(|usage| usage.measured > 0).map(|usage| (now, usage));
    }

    /// The reading that counts.
    pub(crate) fn usage(&self, now: Duration) -> Option<Usage> {
        let (at, usage) = self.reading?;
        (now.saturating_sub(at) <= READING_KEPT).then_some(usage)
    }

    /// One tick, with `current` pods wanted so far, which stay while nothing is known. The rates bound what one reading
    /// may change, however many ticks it lasts.
    pub(crate) fn decide(&mut self, now: Duration, spec: &Spec, current: u32, routed: bool) -> Wanted {
        let usage = self.usage(now);
        let asked = usage.map_or(current, |usage| usage.asks_for(spec.per_pod(), current));
        if self.delay.is_empty() {
            // Nobody knows for how long what is there was wanted: it counts as wanted just now.
            self.delay.record(now, spec.scale_down_delay, current);
        }
        let most = self.delay.record(now, spec.scale_down_delay, asked);
        let Some(usage) = usage else { return Wanted { pods: current, by_stable: current, ..Wanted::default() } };

        // What was wanted a while ago keeps pods, and brings none.
        let held = if routed { asked.max(most.min(current)) } else { asked };
        let pods = usage.pods();
        let highest = ((spec.up_rate * f64::from(pods)).ceil() as u32).max(pods.saturating_add(MORE_AT_ONCE));
        let lowest = if routed { (f64::from(pods) / spec.down_rate) as u32 } else { 0 };
        Wanted {
            pods: held.min(highest.max(current)).max(lowest.min(current)),
            by_stable: asked,
            lowest,
            highest,
            delayed: if held > asked { held } else { 0 },
            ..Wanted::default()
        }
    }

    /// Bytes of the struct and beside it.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.delay.heap_bytes()
    }
}

#[cfg(test)]
mod tests;
