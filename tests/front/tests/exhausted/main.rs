//! When our proxies run out of something of their own: degraded, not dead, and whole again afterwards.

mod client;
mod descriptors;
mod names;
mod ports;
mod resolver;
