//! The command `todoapp`, also as a plugin of kubectl (`kubectl todoapp` where the program is called
//! `kubectl-todoapp`): what runs and why, who gets the requests, and whether all of it is sound.
//!
//! ```text
//! look: get · logs · check · explain      act: traffic · promote, abort, pause, resume · wake · apply
//! ```
//! Each verb is a file or folder of its own: what it asks of the cluster is short and async, what it makes of the answers
//! is pure. `replay` and `completion` need no cluster. The only objects that are written are TodoApps, and those that
//! `apply` is given.

mod action;
mod apply;
pub mod args;
mod check;
mod completion;
mod error;
pub mod explain;
mod get;
mod leader;
mod logs;
mod objects;
mod pods;
mod proxy;
mod release;
pub mod replay;
mod run;
mod session;
mod text;
mod traffic;
mod wait;
mod wake;
#[cfg(test)]
mod world;

pub use error::Error;
pub use run::run;
pub use session::connect;

/// Field manager of what this command writes.
const MANAGER: &str = "todoapp-cli";
