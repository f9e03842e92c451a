//! What every process here needs besides its own work: logs, an admin server, the end of its life, and the line to
//! the hub.
//!
//! Knows no Kubernetes type: the queue-proxy uses it too and has to stay small.

pub mod admin;
pub mod durations;
pub mod hub;
pub mod proof;
pub mod shutdown;
pub mod sockets;
pub mod telemetry;
