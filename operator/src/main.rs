//! The program of the operator.

use clap::Parser;
use operator::{args, start};

fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    runtime::telemetry::init(&args.log)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider was installed already"))?;
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(start::run(args))
}
