//! The activator: knows every app, splits traffic between its revisions, and holds requests while a revision wakes.
//!
//! A library so that a simulation runs it on a network of its own; the program is [`run`].
//!
//! `start` puts the parts together; `serve` is the life of a request.

mod access;
mod args;
mod cold;
mod demand;
mod drain;
mod endpoints;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hold;
mod hub;
mod metrics;
mod outcomes;
mod pick;
mod ports;
mod reception;
mod report;
mod retry;
mod revision;
mod revisions;
mod route;
mod serve;
#[cfg(feature = "otlp")]
mod spans;
mod split;
mod start;
mod table;
#[cfg(test)]
mod tests;
mod tls;
mod wakes;
mod watch;

pub use args::Args;
pub use hub::Token;
pub use start::{Machine, run, run_on};
pub use wakes::Now;
