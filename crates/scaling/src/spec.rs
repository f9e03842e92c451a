//! What a user may set, and the constants of the burst rule.

use std::time::Duration;

/// Length of the burst window in percent of the stable one.
pub const BURST_WINDOW_PERCENT: u32 = 10;
/// A burst begins when the burst window asks for this many times the ready pods.
pub const BURST_THRESHOLD: f64 = 2.0;
/// At most this many times the ready pods at once.
pub const UP_RATE: f64 = 1000.0;
/// At least the ready pods divided by this at once, while traffic is routed there.
pub const DOWN_RATE: f64 = 2.0;

/// How one revision may scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// Fewest pods while the revision is routed.
    pub min: u32,
    /// Most pods; 0 means no limit.
    pub max: u32,
    /// Requests that one pod may have at a time.
    pub target: f64,
    /// The part of `target` to aim at, above 0 and at most 1.
    pub utilization: f64,
    /// Length of the stable window, seconds.
    pub window_s: u32,
    /// How long the load must have been zero, after it was zero for a whole window, before the last pod goes.
    pub zero_grace: Duration,
    /// Pods of a revision that was never ready.
    pub initial: u32,
    /// How long a start is left alone before the ordinary rules judge it.
    pub progress_deadline: Duration,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            min: 0,
            max: 10,
            target: 100.0,
            utilization: 0.7,
            window_s: 60,
            zero_grace: Duration::from_secs(30),
            initial: 1,
            progress_deadline: Duration::from_mins(10),
        }
    }
}

impl Spec {
    /// Requests at a time to aim at in one pod.
    pub fn per_pod(&self) -> f64 {
        (self.target * self.utilization).max(0.01)
    }

    /// Length of the stable window, seconds.
    pub fn stable_window_s(&self) -> u32 {
        self.window_s.max(1)
    }

    /// Length of the burst window, seconds: a tenth, rounded, at least one.
    pub fn burst_window_s(&self) -> u32 {
        ((f64::from(self.window_s) * f64::from(BURST_WINDOW_PERCENT) / 100.0).round() as u32).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_window_is_a_tenth_rounded() {
        let window = |window_s| Spec { window_s, ..Spec::default() }.burst_window_s();
        assert_eq!([6, 14, 15, 60, 3600].map(window), [1, 1, 2, 6, 360]);
    }

    #[test]
    fn the_target_of_a_pod_has_a_floor() {
        let per_pod = |target, utilization| Spec { target, utilization, ..Spec::default() }.per_pod();
        assert_eq!(per_pod(100.0, 0.7).to_string(), "70");
        assert_eq!(per_pod(0.01, 0.01).to_string(), "0.01");
        assert_eq!(per_pod(f64::NAN, 0.7).to_string(), "0.01");
    }
}
