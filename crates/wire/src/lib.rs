//! The messages of the hub: what activators and queue-proxies tell the leader, and what it tells activators.
//!
//! Owns the encoding and its bounds; opens no socket, reads no clock and knows no Kubernetes type.
//!
//! A stream is a sequence of frames: `u32` length (big endian, of what follows), `u8` kind, payload.
//! The hub speaks first ([`Challenge`]), the dialler answers ([`Hello`]), then [`Up`] flows to the hub
//! and [`Down`] to the dialler. Every message is idempotent: sending one twice changes nothing.

mod bucket;
mod error;
mod frame;
mod message;
mod split;

pub use bucket::{Bucket, History};
pub use error::WireError;
pub use frame::{COUNT_MAX, FRAME_BYTES_MAX, Frame, HELLO_BYTES_MAX, NAME_BYTES_MAX, TOKEN_BYTES_MAX};
pub use message::{Challenge, Down, Endpoint, Hello, Identity, Load, Outcome, Protocol, Up, VERSION};
