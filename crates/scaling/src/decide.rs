//! How many pods the averages ask for. Knative's arithmetic (pkg/autoscaler/scaling/autoscaler.go), tick by tick;
//! bounds and zero are elsewhere.

use std::time::Duration;

use crate::delay::Delay;
use crate::spec::Spec;

/// The averages of the two windows, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Averages {
    /// Over the stable window.
    pub stable: f64,
    /// Over the burst window.
    pub burst: f64,
}

/// What the averages ask for, and each rule's part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Pods wanted, before bounds.
    pub pods: u32,
    /// Pods for the stable average alone.
    pub by_stable: u32,
    /// Pods for the burst average alone.
    pub by_burst: u32,
    /// Fewest pods that the down rate allows at once.
    pub lowest: u32,
    /// Most pods that the up rate allows at once.
    pub highest: u32,
    /// Pods that a burst holds; 0 without one.
    pub burst_pods: u32,
    /// Whether a burst is on: the number does not fall.
    pub burst_on: bool,
    /// Pods at which the scale-down delay holds more than would be wanted; 0 if it does not.
    pub delayed: u32,
}

/// Remembers a burst and the delay of one revision.
#[derive(Debug, Clone, Default)]
pub struct Decider {
    burst: Option<Burst>,
    delay: Delay,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    /// When the load was last over the threshold.
    over_at: Duration,
    /// Most pods wanted since the burst began; it never falls within one.
    pods: u32,
}

impl Decider {
    /// One tick. `ready` are the pods that take requests now.
    pub fn decide(&mut self, now: Duration, spec: &Spec, ready: u32, routed: bool, averages: Averages) -> Wanted {
        let ready = f64::from(ready.max(1));
        let highest = (spec.up_rate * ready).ceil();
        let lowest = if routed { (ready / spec.down_rate).floor() } else { 0.0 };
        let [by_stable, by_burst] = [averages.stable, averages.burst].map(|load| (load / spec.per_pod()).ceil());
        let limited = |pods: f64| activated(pods.max(lowest).min(highest) as u32, pods > 0.0, spec);

        let over = by_burst / ready >= spec.burst_threshold();
        if over {
            self.burst.get_or_insert(Burst { over_at: now, pods: 0 }).over_at = now;
        } else if self.burst.is_some_and(|burst| burst.over_at.saturating_add(spec.stable_window()) < now) {
            self.burst = None;
        }
        let mut pods = limited(by_stable);
        if let Some(burst) = &mut self.burst {
            burst.pods = burst.pods.max(pods).max(limited(by_burst));
            pods = burst.pods;
        }
        let held = if routed { self.delay.record(now, spec.scale_down_delay, pods) } else { pods };
        Wanted {
            pods: held,
            by_stable: by_stable as u32,
            by_burst: by_burst as u32,
            lowest: lowest as u32,
            highest: highest as u32,
            delayed: if held > pods { held } else { 0 },
            ..self.nothing_known()
        }
    }

    /// Load that cannot wait for a tick: the pods for it. It counts as a look at the burst window, so what it asks
    /// for is not taken back at the next tick.
    pub fn surge(&mut self, now: Duration, spec: &Spec, ready: u32, routed: bool, load: u32) -> Wanted {
        let ready = f64::from(ready.max(1));
        let highest = (spec.up_rate * ready).ceil();
        let by_load = (f64::from(load) / spec.per_pod()).ceil();
        let pods = activated(by_load.min(highest) as u32, load > 0, spec);
        if by_load / ready >= spec.burst_threshold() {
            self.burst.get_or_insert(Burst { over_at: now, pods }).over_at = now;
        }
        if let Some(burst) = &mut self.burst {
            burst.pods = burst.pods.max(pods);
        }
        if routed {
            self.delay.record(now, spec.scale_down_delay, pods);
        }
        Wanted { pods, highest: highest as u32, ..self.nothing_known() }
    }

    /// What is so without averages; nothing is decided by it.
    pub fn nothing_known(&self) -> Wanted {
        Wanted {
            burst_pods: self.burst.map_or(0, |burst| burst.pods),
            burst_on: self.burst.is_some(),
            ..Wanted::default()
        }
    }

    /// Bytes beside the struct.
    pub fn heap_bytes(&self) -> usize {
        self.delay.heap_bytes()
    }
}

/// Load asks for at least the activation scale, whatever the rates say.
fn activated(pods: u32, loaded: bool, spec: &Spec) -> u32 {
    if loaded { pods.max(spec.activation) } else { pods }
}

#[cfg(test)]
mod tests;
