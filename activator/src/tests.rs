//! The activator in one process: real sockets, real hyper, made-up objects and hub.

mod access;
mod arriving;
mod cold;
mod entering;
mod failing;
mod holding;
mod memory;
mod outcomes;
mod retrying;
mod returning;
mod routing;
#[cfg(feature = "otlp")]
mod spans;
mod splitting;
mod tls;
mod watching;
mod world;
