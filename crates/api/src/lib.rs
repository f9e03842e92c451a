//! What users write and read: the kinds `TodoApp` and `Revision`, their rules, defaults and names.
//!
//! Owns the schema (the CRDs are generated from these types by `crdgen`); holds no client and decides nothing.

pub mod app;
pub mod condition;
mod duration;
pub mod ingress;
pub mod initializer;
pub mod labels;
pub mod recycle;
pub mod revision;
pub mod rollout;
pub mod scaling;
pub mod schedule;
pub mod template;
pub mod timeouts;
pub mod traffic;

pub use app::{Activity, Address, TodoApp, TodoAppSpec, TodoAppStatus};
pub use ingress::{Ingress, Visibility};
pub use initializer::Initializer;
pub use recycle::RecycleAfter;
pub use revision::{ResolvedImage, Revision, RevisionSpec, RevisionStatus};
pub use rollout::{Rollout, RolloutStatus};
pub use scaling::Scaling;
pub use schedule::{Day, Schedule};
pub use template::Template;
pub use timeouts::Timeouts;
pub use traffic::{RoutedTraffic, TrafficTarget};
