//! The activator: knows every app, splits traffic between its revisions, and holds requests while a revision wakes.
//!
//! `start` puts the parts together; `serve` is the life of a request.

mod args;
mod demand;
mod drain;
mod endpoints;
mod hold;
mod hub;
mod metrics;
mod pick;
mod ports;
mod report;
mod revision;
mod revisions;
mod route;
mod serve;
mod start;
mod table;
mod wakes;
mod watch;

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    start::run(args::Args::parse()).await
}

#[cfg(test)]
mod tests;
