//! The sidecar in every app pod: limits concurrency, measures it, and calls home the moment the app answers.
//!
//! One thread, configured by its environment alone (`config.rs`). `serve.rs` is the life of a request. A library so
//! that a simulation runs it on a network of its own; the program is [`run`].

mod announce;
mod config;
mod drain;
mod initialize;
mod metrics;
mod ready;
mod report;
mod serve;
mod start;
#[cfg(test)]
mod tests;
mod wear;

pub use config::{Config, Invalid};
pub use start::{run, run_on};
