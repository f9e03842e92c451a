//! The mathematics of the autoscaler: numbers and time in, replicas and the reason out.
//!
//! Owns the windows of measurements, the decision and its record. Reads no clock, does no input or output, knows
//! nothing of Kubernetes: whoever drives it hands the time in, so a decision can be repeated.
//!
//! ```text
//! observe(second, load) → Windows (stable, burst) → Decider (rates, activation, burst, delay) ┐
//! observe_usage(usage)  → Resource (tolerance, delay, rates) ─────────────────────────────────┴▶ start, idle → bounds
//! ```
//!
//! `window.rs`, `decide.rs`, `delay.rs` and `bounds.rs` follow Knative's arithmetic to the digit, which `tests/oracle`
//! shows against Knative's own code; what differs on purpose is in `scaler.rs`. `resource.rs` follows Kubernetes'
//! HorizontalPodAutoscaler.

mod bounds;
mod decide;
mod delay;
pub mod limits;
mod reason;
mod record;
mod resource;
mod retry;
mod scaler;
mod spec;
mod start;
mod window;
mod windows;
mod zero;

pub use bounds::{Bound, bounded};
pub use decide::{Averages, Decider, Wanted};
pub use reason::Reason;
pub use record::Record;
pub use resource::Usage;
pub use scaler::{Decision, Input, Scaler};
pub use spec::{Aggregation, Metric, Spec};
pub use windows::Windows;
