//! The activator in one process: real sockets, real hyper, made-up objects and hub.

mod arriving;
mod entering;
mod failing;
mod holding;
mod memory;
mod outcomes;
mod retrying;
mod routing;
mod splitting;
mod watching;
mod world;
