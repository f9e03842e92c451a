//! What the benchmarks share: figures of a sample and the lines they are printed in.
//!
//! Each program measures the installation that `KUBECONFIG` leads to and prints a table in Markdown; `bench/run` puts
//! the tables together with the machine's name. `decisions`, `held` and `warm` need no installation.

pub mod floor;
pub mod group;
pub mod knative;
pub mod moments;
pub mod objects;
pub mod warm;

use std::{process::ExitCode, time::Duration};

/// Ends a program: a failure is told in one line, without the trace that a debugger would want.
pub fn exit(outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("failed: {error:#}");
    ExitCode::FAILURE
}

/// Durations of one phase.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<Duration>);

impl Sample {
    /// One more.
    pub fn push(&mut self, value: Duration) {
        let at = self.0.partition_point(|v| *v <= value);
        self.0.insert(at, value);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest value that is not exceeded by this share of the sample, `0.0..=1.0`; zero of an empty sample.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.clamp(1, self.0.len().max(1)) - 1).copied().unwrap_or_default()
    }

    /// `| name | n | p50 | p99 | longest |`, in milliseconds.
    pub fn row(&self, name: &str) -> String {
        let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|share| millis(self.quantile(share)));
        format!("| {name} | {} | {p50} | {p99} | {longest} |", self.len())
    }
}

/// The value in the middle, or the one above it; zero of nothing.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Head of a table of [`Sample::row`]s.
pub const HEAD: &str = "| phase | n | p50 ms | p99 ms | longest ms |\n| --- | --- | --- | --- | --- |";

/// Milliseconds with one digit after the point.
pub fn millis(value: Duration) -> String {
    format!("{:.1}", value.as_secs_f64() * 1000.0)
}

/// One promise: `| name | measured | promised | kept |`.
pub fn promise(name: &str, measured: f64, limit: f64, unit: &str) -> String {
    let kept = if measured <= limit { "yes" } else { "NO" };
    format!("| {name} | {measured:.2} {unit} | ≤ {limit} {unit} | {kept} |")
}

/// One promise of a least value, in the same columns.
pub fn at_least(name: &str, measured: f64, limit: f64, unit: &str) -> String {
    let kept = if measured >= limit { "yes" } else { "NO" };
    format!("| {name} | {measured:.2} {unit} | ≥ {limit} {unit} | {kept} |")
}

/// Head of a table of [`promise`]s.
pub const PROMISES: &str = "| promise | measured | promised | kept |\n| --- | --- | --- | --- |";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_of_the_sample() {
        let mut sample = Sample::default();
        for ms in [5, 1, 4, 2, 3] {
            sample.push(Duration::from_millis(ms));
        }
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| sample.quantile(share).as_millis()), [1, 3, 5, 5]);
        assert_eq!(Sample::default().quantile(0.5), Duration::ZERO);
    }
}
