//! The whole system in one process, on virtual time, from one seed, with faults.
//!
//! Operators, activators and queue-proxies run as they are; [`world`] has what is around them, [`clients`] who asks
//! them, [`invariants`] what must hold all the time, and [`scenario`] what happens.

mod app;
pub mod chance;
pub mod clients;
pub mod clock;
mod executions;
mod http;
pub mod invariants;
pub mod journal;
mod kubelet;
pub mod log;
mod pod;
pub mod run;
pub mod scenario;
pub mod world;
