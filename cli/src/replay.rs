//! `todoapp replay`: a trace of requests through a scaling policy, on virtual time.
//!
//! ```text
//! trace.rs → arrivals.rs → simulation.rs (scaling::Scaler decides, pods.rs answers) → outcome.rs → table.rs, svg.rs
//! ```
//! Decisions are those of the operator: the same crate, at the same moments. What is simple is the rest: every request
//! takes the same time, every pod starts in the same time, and nobody gives up waiting.

mod arrivals;
mod outcome;
mod pods;
mod simulation;
mod svg;
mod table;
#[cfg(test)]
mod tests;
mod trace;

use std::fs;
use std::path::Path;
use std::time::Duration;

use policy::Settings;
use scaling::{Metric, Spec};

use crate::Error;
use crate::args::Replay;
use outcome::Outcome;
use simulation::Model;
use trace::Trace;

/// A policy by the name of its file, and how it did.
struct Run {
    name: String,
    outcome: Outcome,
}

/// Runs what `args` names and gives what is to be printed.
pub fn run(args: &Replay) -> Result<String, Error> {
    let trace = Trace::parse(&read(&args.trace)?).map_err(|problem| input(&args.trace, &problem))?;
    let policies = [Some(&args.policy), args.against.as_ref()].into_iter().flatten();
    let runs = policies.map(|file| simulated(&trace, file, args)).collect::<Result<Vec<_>, _>>()?;
    if let Some(file) = &args.svg {
        fs::write(file, svg::draw(&runs)).map_err(|error| Error::Failed(format!("{}: {error}", file.display())))?;
    }
    let page = table::render(&runs);
    if runs.iter().any(|run| run.outcome.lost() > 0) {
        return Err(Error::Failed(format!("not every request was answered:\n{page}")));
    }
    Ok(page)
}

fn simulated(trace: &Trace, file: &Path, args: &Replay) -> Result<Run, Error> {
    let scaling = policy::scaling(&read(file)?).map_err(|problem| input(file, &problem))?;
    if !scaling.schedules.is_empty() {
        let problem = "schedules is set: a trace has no time of day; leave them out, and set `min` for what they say";
        return Err(input(file, problem));
    }
    let spec = policy::spec(&scaling, &Settings::default(), args.concurrency_limit);
    if spec.metric.is_resource() {
        let problem = "must be Concurrency or RequestRate, for a trace does not say what its requests take of a pod";
        return Err(input(file, &format!("metric is {}: {problem}", spec.metric.as_str())));
    }
    let service = Duration::from_millis(args.service_ms.into());
    let places = if args.concurrency_limit > 0 { args.concurrency_limit } else { places(&spec, service) };
    let model = Model { service, start: Duration::from_millis(args.start_ms.into()), places };
    let outcome = simulation::simulate(trace, spec, model, args.seed);
    Ok(Run { name: file.display().to_string(), outcome })
}

/// Requests that a pod works on at a time when it has the load that it is meant for.
fn places(spec: &Spec, service: Duration) -> u32 {
    let busy = match spec.metric {
        Metric::RequestRate => spec.target * service.as_secs_f64(),
        Metric::Concurrency | Metric::Cpu | Metric::Memory => spec.target,
    };
    busy.ceil().max(1.0) as u32
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|error| input(file, &error.to_string()))
}

fn input(file: &Path, problem: &str) -> Error {
    Error::Input(format!("{}: {problem}", file.display()))
}
