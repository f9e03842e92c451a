//! The mathematics of the autoscaler: numbers and time in, replicas and the reason out.
//!
//! Owns the windows of measurements, the decision and its record. Reads no clock, does no input or output, knows
//! nothing of Kubernetes: whoever drives it hands the time in, so a decision can be repeated.
//!
//! ```text
//! observe(second, concurrency) → Window (stable), Window (burst) → Decider → start, idle, contact → bounds → Decision
//! ```
//!
//! `window.rs` and `decide.rs` follow Knative's arithmetic to the digit; what differs on purpose is in `scaler.rs`.

mod bounds;
mod decide;
mod scaler;
mod spec;
mod trace;
mod window;
mod zero;

pub use bounds::{Bound, bounded};
pub use decide::{Averages, Decider, Wanted};
pub use scaler::{Decision, Input, Scaler};
pub use spec::{BURST_THRESHOLD, BURST_WINDOW_PERCENT, DOWN_RATE, Spec, UP_RATE};
pub use trace::{Reason, Record};
pub use window::Window;
pub use zero::{Idle, Quiet};
