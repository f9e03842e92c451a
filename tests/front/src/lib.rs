//! Our two proxies as processes over TCP, without Kubernetes: for others' tools, and for benchmarks.
//!
//! ```text
//! tool ─▶ front: the activator, 8080 by Host, 10000 any Host ─▶ queue-proxy, 8012 ─▶ an app
//! ```
//! The ports of the queue-proxy are fixed, so each user of this needs a network namespace of its own: `run` beside
//! this package makes one.

pub mod objects;
pub mod process;
pub mod report;
pub mod stack;

pub use process::{Place, Process};
pub use stack::{Sidecar, Stack};
