//! The ranges of what a user may set: Knative's (config-autoscaler and the annotations), where it has one.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Seconds of a stable window.
pub const WINDOW_S: RangeInclusive<u32> = 6..=3600;
/// Load that one pod may have.
pub const TARGET: RangeInclusive<f64> = 0.01..=1e9;
/// The part of it to aim at.
pub const UTILIZATION: RangeInclusive<f64> = 0.01..=1.0;
/// Burst window in percent of the stable one.
pub const BURST_WINDOW_PERCENT: RangeInclusive<f64> = 1.0..=100.0;
/// Burst threshold in percent of the ready pods.
pub const BURST_THRESHOLD_PERCENT: RangeInclusive<f64> = 110.0..=1000.0;
/// Growth at once: more than 1.
pub const UP_RATE: RangeInclusive<f64> = 1f64.next_up()..=1e9;
/// Shrinking at once; 1 never shrinks while routed.
pub const DOWN_RATE: RangeInclusive<f64> = 1.0..=1e9;
/// Longest scale-down delay and retention.
pub const DELAY_MAX: Duration = Duration::from_hours(1);
/// Longest grace.
pub const GRACE_MAX: Duration = Duration::from_hours(24);
