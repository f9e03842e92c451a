//! Tag → digest, once for each revision, so that a tag that moves never changes a version that runs.
//!
//! wanted (pure) → keyring (Secrets, read at that moment) → registry (one question an image) → `Revision.status.images`.
//! All of that happens beside the reconcilers ([`Resolver`]): a registry that hangs holds up nobody but who asks it.

mod cause;
mod credentials;
mod image;
mod keyring;
mod registry;
mod resolver;
mod wanted;

pub use cause::{Problem, REASONS};
pub use resolver::{Answer, Resolver};
