//! The data-plane kit: what the activator and the queue-proxy have in common.
//!
//! Owns connections, bodies, header rules, upgrades, the concurrency gate and its measurement. Knows no Kubernetes,
//! no routing and no configuration: addresses and bounds are handed in. Nothing here logs on the path of a request.
//!
//! ```text
//! listen ─▶ headers::check ─▶ forward::outbound ─▶ (gate | hold with body::ReadAhead) ─▶ forward::send ─▶ forward::inbound
//!                                                                                             │
//!                                                                                      upstream::Pool
//! ```

mod ask;
pub mod body;
pub mod error;
pub mod forward;
pub mod gate;
pub mod headers;
mod idle;
pub mod listen;
pub mod meter;
mod names;
pub mod net;
mod shortage;
mod sockets;
pub mod sync;
pub mod tls;
mod upgrade;
pub mod upstream;

pub use ask::ask;
pub use body::{Body, BoxError};
pub use error::Failure;
pub use shortage::Shortage;
pub use sockets::Sockets;
