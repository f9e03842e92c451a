//! Figures side by side.

use std::fmt::Write as _;

use super::{Outcome, Run};

/// What a line says, and its figure.
type Line = (&'static str, fn(&Outcome) -> String);

const LINES: [Line; 8] = [
    ("requests", |outcome| outcome.requests.to_string()),
    ("cold starts", |outcome| outcome.cold_starts.to_string()),
    ("wait p50", |outcome| format!("{} ms", outcome.wait_ms(0.5))),
    ("wait p99", |outcome| format!("{} ms", outcome.wait_ms(0.99))),
    ("wait max", |outcome| format!("{} ms", outcome.wait_ms(1.0))),
    ("pod-seconds", |outcome| outcome.pod_seconds().to_string()),
    ("peak pods", |outcome| outcome.peak_pods.to_string()),
    ("lost", |outcome| outcome.lost().to_string()),
];

pub fn render(runs: &[Run]) -> String {
    let widths: Vec<_> = runs.iter().map(|run| run.name.chars().count().max(10)).collect();
    let mut page = String::new();
    let mut line = |title: &str, cells: Vec<String>| {
        // Writing to a text does not fail.
        let _ = write!(page, "{title:<11}");
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(page, "  {cell:>width$}");
        }
        page.push('\n');
    };
    line("", runs.iter().map(|run| run.name.clone()).collect());
    for (title, figure) in LINES {
        line(title, runs.iter().map(|run| figure(&run.outcome)).collect());
    }
    page
}
