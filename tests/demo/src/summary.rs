//! The end: every cold start in its parts, every app's figures, and the verdict.

use crate::{figures::APPS, stage::Stage, table::say, wakes::ColdStart};

/// Prints it.
pub(crate) fn print(stage: &mut Stage) {
    let why = "A cold start is: decide (request in → scale written), start (→ the app listens and says so), release \
               (→ the request goes to it) and app (→ its answer). decide and release are todoapp's own work.";
    stage.table.head("Summary", why);
    cold_starts(stage);
    apps(stage);
    verdict(stage);
}

fn cold_starts(stage: &Stage) {
    say("cold starts, ms                 revision    decide   start release     app  in all");
    for (step, ColdStart { revision, total, decide, start, release, answer, .. }) in &stage.cold_starts {
        say(&format!("{step:<31} {revision:<10} {decide:>7.1} {start:>7.1} {release:>7.1} {answer:>7.1} {total:>7.1}"));
    }
    say("");
}

fn apps(stage: &mut Stage) {
    say(&format!("{:<6} {:>13} {:>13} {:>8} {:>8}", "app", "replicas now", "most replicas", "requests", "errors"));
    for (app, now) in APPS.iter().zip(stage.snapshot()) {
        say(&format!("{app:<6} {:>13} {:>13} {:>8} {:>8}", now.replicas, now.peak, now.requests, now.errors));
        if now.errors > 0 {
            stage.failures.push(format!("{app} answered {} requests with an error", now.errors));
        }
    }
    say("");
}

fn verdict(stage: &mut Stage) {
    let seconds = stage.table.elapsed().as_secs();
    let took = format!("{} min {:02} s", seconds / 60, seconds % 60);
    if stage.failures.is_empty() {
        stage.table.loud(&format!("Everything was as it should be: from zero and back in {took}, no error."));
        return;
    }
    stage.table.loud(&format!("Not as it should be, after {took}:"));
    for failure in &stage.failures {
        say(&format!("  ✗ {failure}"));
    }
}
