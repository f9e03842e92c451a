//! What the command is called with.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "todoapp", version, about = "Looks into the scaling of TodoApps.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say why the revisions of an app have as many pods as they have
    Explain(Explain),
    /// Run a trace of requests through a scaling policy, without a cluster
    Replay(Replay),
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// Name of the TodoApp
    pub app: String,
    /// Its namespace; that of the current context if not given
    #[arg(short, long)]
    pub namespace: Option<String>,
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
}

/// How decisions are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// As the operator says it.
    Json,
}

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

impl Cli {
    /// The command line of this process; ends it with exit code 2 where it is wrong.
    pub fn of_process() -> Self {
        let program = std::env::args_os().next().unwrap_or_default();
        let matches = Self::command().bin_name(name(Path::new(&program))).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// How the command is called in its own help.
fn name(program: &Path) -> &'static str {
    let plugin = program.file_name().is_some_and(|file| file.to_string_lossy().starts_with("kubectl-"));
    if plugin { "kubectl todoapp" } else { "todoapp" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_knows_how_it_is_called() {
        Cli::command().debug_assert();
        assert_eq!(name(Path::new("/usr/bin/kubectl-todoapp")), "kubectl todoapp");
        assert_eq!(name(Path::new("target/debug/todoapp")), "todoapp");
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let Command::Explain(explain) = Cli::parse_from(["todoapp", "explain", "shop"]).command else {
            panic!("explain")
        };
        assert_eq!((explain.last, explain.output, explain.namespace), (20, Output::Table, None));
        assert!(Cli::try_parse_from(["todoapp", "explain", "shop", "--last", "0"]).is_err());
    }
}
