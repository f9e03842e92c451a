//! What the tests against a real cluster share; each file of `tests/` shows one promise.
//!
//! They run against whatever `KUBECONFIG` leads to, with the system installed in `todoapp-system`
//! (`TODOAPP_NAMESPACE`). Where the network of the pods cannot be reached, tests that need it say so and pass.

pub mod app;
pub mod audit;
pub mod cluster;
pub mod command;
pub mod decisions;
pub mod diagnosis;
pub mod firewall;
pub mod http;
pub mod installation;
pub mod kill;
pub mod ledger;
pub mod memory;
pub mod metrics;
pub mod namespace;
pub mod observe;
pub mod pod;
pub mod trickle;
pub mod wait;

pub use app::App;
pub use cluster::Cluster;
pub use namespace::{Space, with_namespace};
pub use wait::wait_for;
