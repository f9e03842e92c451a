//! What the verbs that change something are called with.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Output, Target, duration};

/// Arguments of `traffic`.
#[derive(Debug, Clone, Args)]
pub struct Traffic {
    /// Name of the TodoApp
    pub app: String,
    /// Shares, as REVISION=PERCENT; together with --latest 100. Without any the split is shown
    #[arg(value_name = "REVISION=PERCENT")]
    pub shares: Vec<String>,
    /// Share of the latest revision that is ready, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub latest: Option<u32>,
    /// Gives a revision, or `latest`, a host of its own, as REVISION=TAG
    #[arg(long = "tag", value_name = "REVISION=TAG")]
    pub tags: Vec<String>,
    /// Takes a tag away
    #[arg(long = "untag", value_name = "TAG")]
    pub untags: Vec<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Which cluster
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `promote`, `abort`, `pause` and `resume`.
#[derive(Debug, Clone, Args)]
pub struct Action {
    /// Name of the TodoApp
    pub app: String,
    /// Only if this is the revision that is being released
    #[arg(long)]
    pub revision: Option<String>,
    /// Text of at most 63 characters; what is asked for again with the same one is not done again
    #[arg(long, value_parser = token)]
    pub token: Option<String>,
    /// Return at once, without waiting until the operator has done it
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
    /// How long to wait until the operator has done it
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Which cluster
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `wake`.
#[derive(Debug, Clone, Args)]
pub struct Wake {
    /// Name of the TodoApp
    pub app: String,
    /// Only this revision, also one without traffic; else all that requests go to
    #[arg(long)]
    pub revision: Option<String>,
    /// Namespace in which todoapp is installed
    #[arg(long, env = "TODOAPP_NAMESPACE", default_value = "todoapp-system")]
    pub system_namespace: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Which cluster
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `apply`.
#[derive(Debug, Clone, Args)]
pub struct Apply {
    /// File with YAML or JSON documents; `-` is the standard input. May be given several times
    #[arg(short, long = "filename", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Return when every TodoApp of the files is ready
    #[arg(long)]
    pub wait: bool,
    /// How long to wait for all of them together
    #[arg(long, default_value = "5m", value_parser = duration, requires = "wait")]
    pub timeout: Duration,
    /// Take over fields that belong to another field manager
    #[arg(long)]
    pub force: bool,
    /// How to print; `json` is one object a line
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Which cluster
    #[command(flatten)]
    pub target: Target,
}

/// What `spec.rollout.action.token` may be.
fn token(text: &str) -> Result<String, String> {
    let good = (1..=63).contains(&text.chars().count());
    if good { Ok(text.to_owned()) } else { Err("must have from 1 to 63 characters".to_owned()) }
}
