//! The operator: turns `TodoApp`s into revisions that run, sleep and wake.

mod activators;
mod app;
mod apply;
mod args;
mod autoscaler;
mod cluster;
mod context;
mod controllers;
mod decisions;
mod error;
mod events;
#[cfg(test)]
mod footprint;
mod hub;
mod keys;
mod leader;
mod lease;
mod metrics;
mod ports;
mod publish;
mod queue;
mod revision;
mod roster;
mod rounds;
mod scale;
mod settings;
mod start;
mod store;
mod verify;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    runtime::telemetry::init(&args.log)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider was installed already"))?;
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(start::run(args))
}
