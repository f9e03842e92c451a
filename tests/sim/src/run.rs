//! One run: a scenario with a seed, in a thread of its own.

use std::fmt;

use testkit::Seed;

use crate::journal::{Journal, digest};
use crate::scenario::Scenario;
use crate::{chance, scenario};

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// Which one.
    pub scenario: Scenario,
    /// Its seed.
    pub seed: u64,
    /// Seconds that passed in it.
    pub seconds: u64,
    /// What never may happen and did.
    pub violations: Vec<String>,
    /// All that happened.
    pub journal: String,
    /// Stands for all that happened, and for every request to the API server.
    pub digest: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, seed, seconds, digest, .. } = self;
        write!(f, "{scenario} {seed}: {seconds} s, digest {digest:016x}")?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}

/// Runs it. The same arguments give the same report in every fresh process: a counter of tokio's that its `select!`
/// draws from is the process's own.
///
/// # Panics
/// The scenario does.
pub fn run(scenario: Scenario, seed: u64) -> Report {
    let alone = std::thread::Builder::new().stack_size(8 << 20).spawn(move || {
        chance::seed(Seed::new(seed));
        testkit::run(report(scenario, seed))
    });
    match alone.map(std::thread::JoinHandle::join) {
        Ok(Ok(report)) => report,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => panic!("no thread: {error}"),
    }
}

async fn report(scenario: Scenario, seed: u64) -> Report {
    let world = scenario::play(scenario, Seed::new(seed)).await;
    let journal: Journal = world.journal().clone();
    let asked: Vec<_> = world.common().server.log().iter().map(ToString::to_string).collect();
    let text = journal.text();
    Report {
        scenario,
        seed,
        seconds: journal.elapsed().as_secs(),
        violations: journal.violations(),
        digest: digest(&format!("{text}\n{}", asked.join("\n"))),
        journal: text,
    }
}
