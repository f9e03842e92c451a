//! The simulation: what our programs rely on, in memory, on virtual time, drawn from one seed, with faults.
//!
//! Production code gets a `kube::Client` of the [`ApiServer`] and runs unchanged; [`cluster`] stands for the
//! controllers and kubelets of Kubernetes. All time is tokio's, so `start_paused` makes it virtual; all chance comes
//! from a [`Seed`], so a run can be had again.

pub mod api_server;
pub mod clock;
pub mod cluster;
pub mod delay;
pub mod net;
pub mod seed;

mod run;

pub use api_server::ApiServer;
pub use clock::Clock;
pub use cluster::Cluster;
pub use delay::Delay;
pub use net::Network;
pub use run::run;
pub use seed::Seed;
