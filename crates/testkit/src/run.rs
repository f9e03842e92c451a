//! One run of the simulation.

use std::future::Future;

/// Runs a scenario alone, on one thread, on time that stands still while anything can happen. The order of what happens
/// at one moment depends on nothing outside, so the same scenario is the same run; within a runtime that did other
/// things before it need not be.
///
/// # Panics
/// The system has no thread or file left for a runtime.
pub fn run<F: Future>(scenario: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(scenario)
}
