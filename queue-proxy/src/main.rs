//! The program of the queue-proxy.

use std::process::ExitCode;

use queue_proxy::Config;

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
    let config = Config::from_env(|name| std::env::var(name).ok())?;
    runtime::telemetry::init(config.log())?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Name lookups only; they are rare and need little.
        .max_blocking_threads(1)
        .thread_stack_size(256 << 10)
        .build()?
        .block_on(queue_proxy::run(config))
}
