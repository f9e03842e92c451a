//! The program of the activator.

use activator::Args;
use clap::Parser as _;

// Of its time on the warm path glibc's takes a sixth, half of which this saves; it holds no more (bench/RESULTS.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    activator::run(Args::parse()).await
}
