//! Plays one seed of one scenario: `cargo run -p sim -- spike 42`.

use std::process::ExitCode;

use clap::Parser;
use sim::run::run;
use sim::scenario::Scenario;

/// Plays one seed of one scenario; the exit code is 1 when something happened that never may.
#[derive(Parser)]
struct Args {
    /// Which scenario, such as `spike`.
    #[arg(env = "SIM_SCENARIO")]
    scenario: Scenario,
    /// Its seed.
    #[arg(env = "SIM_SEED")]
    seed: u64,
    /// Print all that happened.
    #[arg(long)]
    journal: bool,
    /// What the programs log, such as `info` or `debug`; times are of the run.
    #[arg(long, env = "SIM_LOG", default_value = "off")]
    log: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    sim::log::init(&args.log);
    let report = run(args.scenario, args.seed);
    if args.journal {
        println!("{}", report.journal);
    }
    println!("{report}");
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
