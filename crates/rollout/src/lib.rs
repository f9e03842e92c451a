//! How a new revision takes over: what is counted, what is judged, and which step comes next.
//!
//! ```text
//! api::Rollout → spec ┐
//! tallies → judge ────┴▶ machine::advance (status, facts, time) → status, notes, when to look again
//! ```
//! Pure: numbers and time in, a decision out. No clock, no async, no client.

mod judge;
mod machine;
mod share;
mod spec;
mod step;
pub mod tally;
mod text;

pub use judge::{Probes, Verdict, judge};
pub use machine::{Facts, Note, Outcome, advance, is_live};
pub use share::{capacity, share};
pub use spec::{Analysis, Spec};
pub use step::is_check_due;
pub use tally::{Tally, Times};
