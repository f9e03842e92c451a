//! How many pods the averages ask for. Knative's arithmetic, tick by tick; bounds and zero are elsewhere.

use std::time::Duration;

use crate::spec::{BURST_THRESHOLD, DOWN_RATE, Spec, UP_RATE};

/// The averages of the two windows, in requests at a time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Averages {
    /// Over the stable window.
    pub stable: f64,
    /// Over the burst window.
    pub burst: f64,
}

/// What the averages ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Pods wanted, before bounds.
    pub pods: u32,
    /// Whether a burst holds the number up.
    pub burst_on: bool,
}

/// Remembers a burst of one revision.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decider {
    burst: Option<Burst>,
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
        let up = (UP_RATE * ready).ceil();
        let down = if routed { (ready / DOWN_RATE).floor() } else { 0.0 };
        let stable = (averages.stable / spec.per_pod()).ceil();
        let burst = (averages.burst / spec.per_pod()).ceil();
        let limited = |pods: f64| pods.max(down).min(up) as u32;

        if burst / ready >= BURST_THRESHOLD {
            self.burst.get_or_insert(Burst { over_at: now, pods: 0 }).over_at = now;
        } else if self.burst.is_some_and(|burst| burst.over_at + window(spec) < now) {
            self.burst = None;
        }
        let Some(hold) = &mut self.burst else {
            return Wanted { pods: limited(stable), burst_on: false };
        };
        hold.pods = hold.pods.max(limited(stable)).max(limited(burst));
        Wanted { pods: hold.pods, burst_on: true }
    }

    /// Load that cannot wait for a tick, in requests at the moment: the pods for it. It counts as a look at the
    /// burst window, so what it asks for is not taken back at the next tick.
    pub fn surge(&mut self, now: Duration, spec: &Spec, ready: u32, load: u32) -> Wanted {
        let ready = f64::from(ready.max(1));
        let wanted = (f64::from(load) / spec.per_pod()).ceil();
        let pods = wanted.min((UP_RATE * ready).ceil()) as u32;
        if wanted / ready >= BURST_THRESHOLD {
            let hold = self.burst.get_or_insert(Burst { over_at: now, pods });
            hold.over_at = now;
            hold.pods = hold.pods.max(pods);
        }
        Wanted { pods, burst_on: self.burst.is_some() }
    }
}

fn window(spec: &Spec) -> Duration {
    Duration::from_secs(u64::from(spec.stable_window_s()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn tick(decider: &mut Decider, after_s: u64, ready: u32, stable: f64, burst: f64) -> (u32, bool) {
        let spec = Spec::default();
        let wanted = decider.decide(NOW + Duration::from_secs(after_s), &spec, ready, true, Averages { stable, burst });
        (wanted.pods, wanted.burst_on)
    }

    #[test]
    fn load_on_target_keeps_the_pods() {
        assert_eq!(tick(&mut Decider::default(), 0, 3, 210.0, 210.0), (3, false));
    }

    #[test]
    fn twice_the_pods_is_a_burst() {
        let mut decider = Decider::default();
        assert_eq!(tick(&mut decider, 0, 1, 70.0, 500.0), (8, true));
    }

    #[test]
    fn a_burst_never_scales_in_and_ends_a_window_after_it_was_last_over() {
        let mut decider = Decider::default();
        assert_eq!(tick(&mut decider, 0, 1, 70.0, 500.0), (8, true));
        assert_eq!(tick(&mut decider, 2, 4, 100.0, 560.0), (8, true), "extends: 8 wanted, 4 ready");
        assert_eq!(tick(&mut decider, 62, 8, 10.0, 0.0), (8, true), "exactly a window after");
        assert_eq!(tick(&mut decider, 64, 8, 10.0, 0.0), (4, false));
    }

    #[test]
    fn an_idle_revision_halves_at_each_change_of_ready() {
        let mut decider = Decider::default();
        let steps: Vec<u32> = [8, 4, 2, 1].map(|ready| tick(&mut decider, 0, ready, 0.0, 0.0).0).into();
        assert_eq!(steps, [4, 2, 1, 0]);
    }

    #[test]
    fn growth_is_limited_by_what_is_ready() {
        assert_eq!(tick(&mut Decider::default(), 0, 1, 1e9, 0.0), (1000, false));
        assert_eq!(tick(&mut Decider::default(), 0, 0, 1e9, 1e9), (1000, true));
    }

    #[test]
    fn an_unrouted_revision_may_fall_at_once() {
        let wanted = Decider::default().decide(NOW, &Spec::default(), 8, false, Averages::default());
        assert_eq!(wanted, Wanted { pods: 0, burst_on: false });
    }

    #[test]
    fn a_surge_is_held_like_a_burst() {
        let mut decider = Decider::default();
        assert_eq!(decider.surge(NOW, &Spec::default(), 0, 200), Wanted { pods: 3, burst_on: true });
        assert_eq!(tick(&mut decider, 2, 1, 5.0, 5.0), (3, true));
        assert_eq!(decider.surge(NOW, &Spec::default(), 3, 1), Wanted { pods: 1, burst_on: true });
    }

    #[test]
    fn a_single_request_is_no_burst() {
        assert_eq!(Decider::default().surge(NOW, &Spec::default(), 0, 1), Wanted { pods: 1, burst_on: false });
    }
}
