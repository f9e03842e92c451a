//! The command `todoapp`, also as a plugin of kubectl (`kubectl todoapp` where the program is called
//! `kubectl-todoapp`): why an app has as many pods as it has, and how a policy would have done.
//!
//! `explain` asks the operator that leads; `replay` needs no cluster.

pub mod args;
mod error;
pub mod explain;
pub mod replay;

pub use error::Error;
