//! The program of the front: an activator as it is, before an API server in memory that knows one app.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Parser;
use front::objects::{self, OneApp};

// As the activator's own program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "Runs the activator without Kubernetes, before an API server in memory that knows one app")]
struct Front {
    #[command(flatten)]
    activator: activator::Args,
    /// Address of a queue-proxy; none: the app sleeps, and nobody wakes it.
    #[arg(long)]
    pod: Vec<IpAddr>,
    /// The app speaks HTTP/2.
    #[arg(long)]
    h2c: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Front::parse();
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    runtime::telemetry::init("warn")?;
    let server = objects::server(&OneApp { pods: args.pod, h2c: args.h2c })?;
    let machine = activator::Machine {
        client: server.client("activator", "todoapp-system"),
        network: proxy::net::Tcp,
        now: Arc::new(SystemTime::now),
        token: Box::new(|| anyhow::bail!("there is no hub")),
        sockets: runtime::sockets::of_process(proxy::Sockets::of_holding),
    };
    activator::run_on(machine, args.activator, runtime::shutdown::signal()).await
}
