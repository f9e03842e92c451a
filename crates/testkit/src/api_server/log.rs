//! Every request that was made: who, what, when, with which answer.

use std::fmt;
use std::time::Duration;

use super::path::{Part, Verb};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When the server acted, counted from its start.
    pub at: Duration,
    /// Who asked.
    pub user: String,
    /// What for.
    pub verb: Verb,
    /// Of which kind: `deployments.apps`.
    pub kind: String,
    /// Of which part.
    pub part: Part,
    /// Empty: none, or all.
    pub namespace: String,
    /// Empty: all.
    pub name: String,
    /// Field manager, if one was named.
    pub manager: Option<String>,
    /// HTTP status; 0: no answer.
    pub code: u16,
    /// `resourceVersion` of what was answered; of a write, whether anything changed shows here.
    pub version: String,
}

impl Record {
    /// Whether it changed anything, as far as its answer says.
    pub fn is_write(&self) -> bool {
        self.verb.writes() && (200..300).contains(&self.code)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.as_secs_f64();
        write!(f, "{seconds:>12.6} {} {} {}", self.user, self.verb.as_str(), self.kind)?;
        if self.part != Part::Main {
            write!(f, "/{}", self.part.as_str())?;
        }
        write!(f, " {}/{}", self.namespace, self.name)?;
        if let Some(manager) = &self.manager {
            write!(f, " as {manager}")?;
        }
        write!(f, " {} v{}", self.code, self.version)
    }
}
