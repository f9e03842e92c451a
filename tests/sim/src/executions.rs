//! What applications have done for requests that must not be done twice.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use crate::journal::Journal;

/// The ledger of all applications of a run.
pub struct Executions {
    journal: Journal,
    done: Mutex<BTreeSet<String>>,
}

impl Executions {
    /// Nothing yet.
    pub fn new(journal: Journal) -> Self {
        Self { journal, done: Mutex::default() }
    }

    /// A request that is not idempotent has reached an application. Its path is its own.
    pub fn note(&self, path: &str) {
        if !self.done.lock().insert(path.to_owned()) {
            self.journal.violation(format_args!("POST {path} was executed twice"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_time_is_a_violation() {
        let journal = Journal::start();
        let executions = Executions::new(journal.clone());
        executions.note("/1");
        executions.note("/2");
        assert!(journal.violations().is_empty());
        executions.note("/1");
        assert_eq!(journal.violations().len(), 1);
    }
}
