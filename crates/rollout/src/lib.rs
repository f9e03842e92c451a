//! How a new revision takes over: what is counted, what is judged, and which step comes next.
//!
//! Pure: numbers and time in, a decision out. No clock, no async, no Kubernetes.

pub mod tally;

pub use tally::{Tally, Times};
