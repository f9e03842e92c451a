//! What the verbs that only look are called with.

use clap::Args;

use super::{Output, Target};

/// Arguments of `get`.
#[derive(Debug, Clone, Args)]
pub struct Get {
    /// Name of the TodoApp; all of the namespace if not given
    pub app: Option<String>,
    /// Apps of all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["app", "namespace"])]
    pub all_namespaces: bool,
    /// Stay, and show it anew at each change
    #[arg(short, long)]
    pub watch: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Which cluster
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `logs`.
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// Name of the TodoApp
    pub app: String,
    /// Stay, and print what comes, also of pods that come
    #[arg(short, long)]
    pub follow: bool,
    /// Only pods of this revision
    #[arg(long)]
    pub revision: Option<String>,
    /// Container; the app's own if not given
    #[arg(short, long)]
    pub container: Option<String>,
    /// Last lines of each pod to begin with; all if not given
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..=100_000))]
    pub tail: Option<i64>,
    /// What the container said that ran before the present one in the same pod
    #[arg(short, long, conflicts_with = "follow")]
    pub previous: bool,
    /// Which cluster
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Namespace in which todoapp is installed
    #[arg(long, env = "TODOAPP_NAMESPACE", default_value = "todoapp-system")]
    pub system_namespace: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Which cluster; apps of its namespace alone are looked at if one is given
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// Name of the TodoApp
    pub app: String,
    /// Only this revision
    #[arg(long)]
    pub revision: Option<String>,
    /// Namespace in which todoapp is installed
    #[arg(long, env = "TODOAPP_NAMESPACE", default_value = "todoapp-system")]
    pub system_namespace: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Newest decisions of each revision to print
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub last: u32,
    /// Which cluster
    #[command(flatten)]
    pub target: Target,
}
