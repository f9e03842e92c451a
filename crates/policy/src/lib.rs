//! How what people write about scaling becomes the spec of a scaler: reading, checks, and which setting goes first; and
//! the cluster's other settings, with what is decided by them alone.
//!
//! ```text
//! YAML → read → check → Scaling (app) + Settings (cluster) → spec → scaling::Spec
//!                       └─ schedules, and the time of day ──▶ schedule → minimum, and until when
//! ```
//!
//! Besides it: the cluster's own names of public hosts (`hosts`).

mod check;
mod hosts;
mod read;
mod registries;
mod retention;
pub mod schedule;
mod settings;
mod spec;

pub use hosts::Hosts;
pub use read::scaling;
pub use registries::Registries;
pub use retention::{Retention, Version};
pub use schedule::Schedules;
pub use settings::{Limits, Settings};
pub use spec::spec;
