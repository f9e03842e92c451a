//! The sidecar in every app pod: limits concurrency, measures it, and calls home the moment the app answers.
//!
//! One thread, configured by its environment alone (`config.rs`). `serve.rs` is the life of a request.

mod announce;
mod config;
mod drain;
mod metrics;
mod ready;
mod report;
mod serve;
mod start;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("queue-proxy: {cause:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let config = config::Config::from_env(|name| std::env::var(name).ok())?;
    runtime::telemetry::init(&config.log)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Name lookups only; they are rare and need little.
        .max_blocking_threads(1)
        .thread_stack_size(256 << 10)
        .build()?
        .block_on(start::run(config))
}
