//! Knative's autoscaler as the oracle of crate `scaling`: the same traces through both, decision by decision.

pub mod generate;
pub mod knative;
pub mod ours;
pub mod shrink;
pub mod trace;
