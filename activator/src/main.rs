//! The program of the activator.

use activator::Args;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    activator::run(Args::parse()).await
}
