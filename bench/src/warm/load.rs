//! One load by h2load, and what came of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::command;
use front::report;

use super::LOAD_CORE;

/// Streams on one HTTP/2 connection; more than these are on further ones.
const STREAMS: usize = 32;
/// Before the figures begin.
const WARM_UP: &str = "300ms";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// HTTP/2 by prior knowledge; else HTTP/1.1, a connection for each request under way.
    pub http2: bool,
    /// Bytes of each answer.
    pub size: usize,
    /// Requests under way at a time.
    pub width: usize,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Answers a second.
    pub rate: f64,
    /// Median time of a request; only with one under way at a time, for it is the queue otherwise.
    pub p50: Option<Duration>,
}

impl Load {
    /// Runs it against a port of this machine.
    ///
    /// # Errors
    /// A request failed: such a run measures nothing.
    pub async fn run(self, port: u16, seconds: usize) -> Result<Figures> {
        let log = std::env::temp_dir().join(format!("h2load-{}.log", std::process::id()));
        let log_file = format!("--log-file={}", log.display());
        let (connections, streams) =
            if self.http2 { (self.width.div_ceil(STREAMS), self.width.min(STREAMS)) } else { (self.width, 1) };
        let (core, duration) = (LOAD_CORE.to_string(), seconds.to_string());
        let (connections, streams) = (connections.to_string(), streams.to_string());
        let url = format!("http://localhost:{port}/bytes?size={}", self.size);
        let mut words =
            vec!["-c", &core, "h2load", "-D", &duration, "--warm-up-time", WARM_UP, "-c", &connections, "-m", &streams];
        if !self.http2 {
            words.push("--h1");
        }
        if self.width == 1 {
            words.push(&log_file);
        }
        words.push(&url);
        let printed = command::run("taskset", &words).await?;
        let counted = report::h2load(&printed)?;
        ensure!(counted.good > 0 && counted.bad == 0, "{self:?} at port {port}: {printed}");
        let p50 = if self.width == 1 { Some(median(&log)?) } else { None };
        Ok(Figures { rate: counted.rate, p50 })
    }
}

/// Of lines of three columns, the last the microseconds of a request.
fn median(log: &std::path::Path) -> Result<Duration> {
    let text = std::fs::read_to_string(log).context("h2load's log")?;
    std::fs::remove_file(log)?;
    let times = text.lines().filter_map(|line| line.rsplit('\t').next()?.parse().ok());
    let mut times: Vec<u64> = times.collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).context("nothing in h2load's log")?;
    Ok(Duration::from_micros(*median))
}
