//! What the programs log, with the time of the run.

use std::fmt;

use tokio::time::Instant;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Virtual time; it begins a while before the run does.
struct Elapsed(std::sync::OnceLock<Instant>);

impl FormatTime for Elapsed {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let began = self.0.get_or_init(Instant::now);
        write!(writer, "{:>10.3}", began.elapsed().as_secs_f64())
    }
}

/// Logs what the filter says, to the standard error.
pub fn init(filter: &str) {
    let time = Elapsed(std::sync::OnceLock::new());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_timer(time)
        .with_writer(std::io::stderr)
        .init();
}
