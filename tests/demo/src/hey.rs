//! The load generator hey: run, and what it reports.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::door::Door;

/// What hey found.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Report {
    /// Answers with status 200.
    pub(crate) good: u32,
    /// Other answers and requests without one, as hey names them.
    pub(crate) bad: Vec<String>,
    /// Requests per second over the whole run.
    pub(crate) rate: f64,
    /// Percentile and seconds.
    pub(crate) latency: Vec<(u32, f64)>,
}

/// `hey -n REQUESTS -c CALLERS` on the door.
pub(crate) async fn run(door: &Door, requests: u32, callers: u32) -> Result<Report> {
    let output = Command::new("hey")
        .args(["-n", &requests.to_string(), "-c", &callers.to_string(), "-t", "60", "-host", &door.host])
        .arg(format!("http://{}/", door.address))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("starting hey")?;
    ensure!(output.status.success(), "hey failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

fn parse(text: &str) -> Report {
    let mut report = Report::default();
    let mut section = "";
    for line in text.lines() {
        if line.ends_with(':') && !line.starts_with(' ') {
            section = line;
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match (section, words.as_slice()) {
            ("Summary:", ["Requests/sec:", rate]) => report.rate = rate.parse().unwrap_or_default(),
            ("Latency distribution:", [percent, "in", seconds, "secs"]) => {
                if let (Ok(percent), Ok(seconds)) = (percent.trim_end_matches('%').parse(), seconds.parse()) {
                    report.latency.push((percent, seconds));
                }
            }
            ("Status code distribution:", ["[200]", count, ..]) => report.good = count.parse().unwrap_or_default(),
            ("Status code distribution:" | "Error distribution:", [_, _, ..]) => report.bad.push(words.join(" ")),
            _ => {}
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\nSummary:\n  Total:\t1.2 secs\n  Requests/sec:\t833.25\n  \n\nResponse time histogram:\n  0.1 [1]\t|■\n\n\n\
        Latency distribution:\n  10%% in 0.0301 secs\n  50%% in 0.1 secs\n  0%% in 0.0 secs\n\n\
        Details (average, fastest, slowest):\n  DNS+dialup:\t0.0 secs, 0.0 secs, 0.1 secs\n\n\
        Status code distribution:\n  [200]\t998 responses\n  [503]\t1 responses\n\n\
        Error distribution:\n  [1]\tGet \"http://x/\": EOF\n\n";

    #[test]
    fn what_is_not_200_is_kept_in_hey_s_words() {
        let report = parse(TEXT);
        assert_eq!((report.good, report.rate), (998, 833.25));
        assert_eq!(report.bad, ["[503] 1 responses", "[1] Get \"http://x/\": EOF"]);
        assert_eq!(report.latency[..2], [(10, 0.0301), (50, 0.1)]);
    }
}
