//! `todoapp check`: is the installation sound, and are the apps.
//!
//! ```text
//! facts.rs (asks the cluster, decides nothing) → findings.rs (pure) → report.rs (ticks), or JSON
//! ```

mod facts;
mod findings;
mod platform;
mod report;
mod rights;
mod schema;

use std::io::Write;

use serde_json::json;

use crate::Error;
use crate::args::{Check, Output};
use crate::session::{Session, bounded};
use findings::groups;
use report::Sum;

/// Prints what was found; errors among it end with exit code 1.
pub async fn run(session: &Session, args: &Check, out: &mut impl Write) -> Result<(), Error> {
    let gathered = Box::pin(facts::gather(session, args));
    let facts = bounded(async { Ok(gathered.await) }).await?;
    let groups = groups(&facts);
    let sum = Sum::of(&groups);
    match args.output {
        Output::Json => writeln!(out, "{:#}", json!({ "errors": sum.errors, "hints": sum.hints, "groups": groups }))?,
        Output::Text => write!(out, "{}", report::render(&groups))?,
    }
    if sum.errors == 0 { Ok(()) } else { Err(Error::Failed(sum.to_string())) }
}

#[cfg(test)]
mod tests;
