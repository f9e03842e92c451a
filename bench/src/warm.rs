//! The warm path: the same load on an app directly, through ours, and through others' proxies.

pub mod load;
pub mod way;

pub use load::{Figures, Load};
pub use way::Way;

/// Core of the proxy, or of all proxies of a way.
pub const PROXY_CORE: usize = 0;
/// Core of load generator and app.
pub const LOAD_CORE: usize = 1;
