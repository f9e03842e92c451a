//! The operator: turns `TodoApp`s into revisions that run, sleep and wake.
//!
//! A library so that benchmarks reach what decides; the program is [`start::run`].

mod activators;
mod app;
mod apply;
pub mod args;
pub mod autoscaler;
pub mod clock;
mod cluster;
mod context;
mod controllers;
mod decisions;
mod digest;
mod error;
mod events;
#[cfg(test)]
mod footprint;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hosts;
mod hub;
mod keys;
mod leader;
mod lease;
mod metrics;
mod outcomes;
mod pod_status;
mod ports;
mod prober;
mod publish;
mod queue;
mod revision;
mod roster;
mod rounds;
mod scale;
mod settings;
pub mod start;
mod store;
mod tallies;
mod usage;
mod verify;
mod wake;
