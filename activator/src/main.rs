//! The program of the activator.

use activator::Args;
use clap::Parser as _;

// glibc's takes a tenth of the warm path's time, and this one less of it, for as much memory (bench/RESULTS.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    activator::run(Args::parse()).await
}
