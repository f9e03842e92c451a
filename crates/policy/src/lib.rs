//! How what people write about scaling becomes the spec of a scaler: reading, checks, and which setting goes first.
//!
//! ```text
//! YAML → read → check → Scaling (app) + Settings (cluster) → spec → scaling::Spec
//! ```

mod check;
mod read;
mod settings;
mod spec;

pub use read::scaling;
pub use settings::{Limits, Settings};
pub use spec::spec;
