//! What several targets use.

pub mod chain;
pub mod door;
pub mod grammar;
pub mod request;
