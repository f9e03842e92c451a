//! Decisions as a table for people.

use std::fmt::Write as _;

use jiff::SignedDuration;

use super::{Decision, Revision, Told};

pub fn render(told: &Told) -> String {
    let Told { app, namespace, revisions } = told;
    let mut page = format!("TodoApp {app} in namespace {namespace}, times in UTC\n");
    if revisions.is_empty() {
        page.push_str("\nno revision yet\n");
    }
    for revision in revisions {
        table(&mut page, revision);
    }
    page
}

fn table(page: &mut String, Revision { name, decisions }: &Revision) {
    // Writing to a text does not fail.
    let _ = writeln!(page, "\nRevision {name}");
    let Some(newest) = decisions.last() else {
        return page.push_str("no decision yet\n");
    };
    let day = |decision: &Decision| decision.time.strftime("%F").to_string();
    let format = if decisions.iter().all(|decision| day(decision) == day(newest)) { "%T" } else { "%F %T" };
    let width = newest.time.strftime(format).to_string().len();
    let _ = writeln!(page, "{:<width$}  {:>5}  {:>9}  {:<10}  DECISION", "TIME", "TIMES", "FOR", "REASON");
    for decision in decisions {
        let Decision { time, for_seconds, times, reason, text } = decision;
        let lasted = SignedDuration::from_secs(for_seconds.round() as i64);
        let _ =
            writeln!(page, "{}  {times:>5}  {:>9}  {reason:<10}  {text}", time.strftime(format), format!("{lasted:#}"));
    }
}
