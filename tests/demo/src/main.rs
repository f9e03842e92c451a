//! `make demo`: an app sleeps, wakes, grows and sleeps again, shown as it happens. `tests/demo/run` prepares the
//! cluster, the installation and the sample, and takes them away again.
//!
//! Environment: `TODOAPP_CLUSTER=local` when the cluster's addresses can be reached from here, `TODOAPP_DEMO_BUSYBOX`
//! the image of the pod that calls its neighbour. Ends with 1 when anything was not as it should be.

mod cluster;
mod door;
mod figures;
mod hey;
mod sampler;
mod stage;
mod story;
mod summary;
mod table;
mod wakes;

use std::{env, io::IsTerminal, process::ExitCode};

use anyhow::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider was installed already"))?;
    let local = env::var("TODOAPP_CLUSTER").is_ok_and(|kind| kind == "local");
    let busybox = env::var("TODOAPP_DEMO_BUSYBOX").context("TODOAPP_DEMO_BUSYBOX: the image is missing")?;
    let terminal = std::io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();

    let cluster = cluster::Cluster::connect().await?;
    let mut stage = stage::Stage::new(cluster, table::Table::new(terminal));
    if let Err(error) = Box::pin(story::tell(&mut stage, local, &busybox)).await {
        stage.check(false, &format!("{error:#}"));
    }
    summary::print(&mut stage);
    Ok(if stage.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
