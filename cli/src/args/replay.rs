//! What `replay` is called with.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `replay`.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// CSV with the columns `minute,requests` or `second,requests`
    #[arg(long)]
    pub trace: PathBuf,
    /// YAML with the fields of `spec.scaling`
    #[arg(long)]
    pub policy: PathBuf,
    /// A second policy, to compare
    #[arg(long)]
    pub against: Option<PathBuf>,
    /// Where to draw load and pods over time
    #[arg(long)]
    pub svg: Option<PathBuf>,
    /// Time that a pod takes for a request, milliseconds
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=600_000))]
    pub service_ms: u32,
    /// Time from the decision until a new pod takes requests, milliseconds
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(0..=600_000))]
    pub start_ms: u32,
    /// Requests that a pod works on at a time, as `spec.concurrencyLimit`; 0: what the policy aims at in one pod
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub concurrency_limit: u32,
    /// Seed of the moments at which requests arrive within their minute or second
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}
