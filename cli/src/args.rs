//! What the command is called with.

mod act;
mod look;
mod replay;

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use act::{Action, Apply, Traffic, Wake};
pub use look::{Check, Explain, Get, Logs};
pub use replay::Replay;

use crate::error::CODES;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "todoapp", version, about = "Looks after TodoApps: what runs, why, and who gets the requests.")]
#[command(after_help = CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show apps with their revisions and pods
    Get(Get),
    /// Show or set which revision gets which share of the requests
    Traffic(Traffic),
    /// Give everything to the revision that is being released
    Promote(Action),
    /// Give everything back to the revision that was there before
    Abort(Action),
    /// Keep the shares of a release as they are
    Pause(Action),
    /// Go on with a release, or begin one anew that was aborted
    Resume(Action),
    /// Wake an app as a request would
    Wake(Wake),
    /// Print what the pods of an app log
    Logs(Logs),
    /// Apply objects from files, and wait until their apps are ready
    Apply(Apply),
    /// Say whether the installation and all apps are sound
    Check(Check),
    /// Say why the revisions of an app have as many pods as they have
    Explain(Explain),
    /// Run a trace of requests through a scaling policy, without a cluster
    Replay(Replay),
    /// Print a script that completes this command's words in a shell
    Completion {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// A shell that can complete words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash: `source <(todoapp completion bash)`.
    Bash,
    /// Z shell: `source <(todoapp completion zsh)`.
    Zsh,
    /// fish: `todoapp completion fish | source`.
    Fish,
}

/// Which cluster, and where in it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct Target {
    /// Namespace; that of the current context if not given
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig; the current one if not given
    #[arg(long)]
    pub context: Option<String>,
    /// Kubeconfig to use instead of that of KUBECONFIG or ~/.kube/config
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
}

/// How something is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    #[value(alias = "table")]
    Text,
    /// For programs.
    Json,
}

/// A time such as `30s`, `5m` or `1h30m`, at most a day.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let right = "must be a duration from 1s to 24h, such as 30s";
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|_| right.to_owned())?;
    let duration = std::time::Duration::try_from(parsed).map_err(|_| right.to_owned())?;
    let range = std::time::Duration::from_secs(1)..=std::time::Duration::from_hours(24);
    if range.contains(&duration) { Ok(duration) } else { Err(right.to_owned()) }
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

    fn parsed(line: &str) -> Result<Command, String> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.command).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let Ok(Command::Explain(explain)) = parsed("todoapp explain shop") else { panic!("explain") };
        assert_eq!((explain.last, explain.output, explain.target.namespace), (20, Output::Text, None));
        let Ok(Command::Promote(promote)) = parsed("todoapp promote shop") else { panic!("promote") };
        assert_eq!((promote.timeout.as_secs(), promote.no_wait, promote.token), (30, false, None));
        let Ok(Command::Apply(apply)) = parsed("todoapp apply -f a.yaml -f -") else { panic!("apply") };
        assert_eq!((apply.files.len(), apply.wait, apply.force), (2, false, false));
    }

    #[test]
    fn flags_are_those_of_kubectl() {
        let Ok(Command::Logs(logs)) = parsed("todoapp logs shop -f -c app --tail 5 -n n --context c") else {
            panic!("logs")
        };
        assert!(logs.follow && logs.tail == Some(5) && logs.container.as_deref() == Some("app"), "{logs:?}");
        assert_eq!((logs.target.namespace.as_deref(), logs.target.context.as_deref()), (Some("n"), Some("c")));
        let Ok(Command::Get(get)) = parsed("todoapp get -A -w -o json") else { panic!("get") };
        assert!(get.all_namespaces && get.watch && get.output == Output::Json && get.app.is_none(), "{get:?}");
        let Ok(Command::Traffic(traffic)) = parsed("todoapp traffic shop a=50 b=50 --tag a=v1 --untag v2") else {
            panic!("traffic")
        };
        assert_eq!((traffic.shares.len(), traffic.tags.len(), traffic.untags.len()), (2, 1, 1));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_would_be_right() {
        for (line, expected) in [
            ("todoapp explain shop --last 0", "0 is not in 1..=100"),
            ("todoapp get shop -A", "cannot be used with"),
            ("todoapp logs shop -f -p", "cannot be used with"),
            ("todoapp pause shop --timeout 0s", "must be a duration from 1s to 24h, such as 30s"),
            ("todoapp pause shop --timeout soon", "must be a duration from 1s to 24h, such as 30s"),
            ("todoapp abort shop --token ", "must have from 1 to 63 characters"),
            ("todoapp traffic shop --latest 101", "101 is not in 0..=100"),
            ("todoapp apply", "--filename <FILE>"),
            ("todoapp apply -f a --timeout 1m", "--wait"),
        ] {
            let told = parsed(line).expect_err(line);
            assert!(told.contains(expected), "{line}: {told}");
        }
    }
}
