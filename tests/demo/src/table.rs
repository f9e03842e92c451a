//! The table: drawn again and again in place in a terminal, a line for each change elsewhere.

use std::{fmt::Write as _, io::Write as _, time::Duration};

use tokio::time::Instant;

use crate::figures::{APPS, Figures, Snapshot};

const WIDTH: usize = 78;
/// A row whose pods have not changed is not repeated sooner in a log.
const QUIET: Duration = Duration::from_secs(1);

/// One row as it was last shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    figures: Figures,
    /// Since the step began.
    at: Duration,
}

/// Prints the whole demo.
pub(crate) struct Table {
    terminal: bool,
    begun: Instant,
    step: Instant,
    shown: [Option<Shown>; APPS.len()],
    /// Lines of the table that the next drawing replaces.
    drawn: usize,
}

impl Table {
    /// `terminal`: standard output can be drawn upon.
    pub(crate) fn new(terminal: bool) -> Self {
        let now = Instant::now();
        Self { terminal, begun: now, step: now, shown: [None; APPS.len()], drawn: 0 }
    }

    /// A heading with the time since the beginning, and what it is about.
    pub(crate) fn head(&mut self, title: &str, why: &str) {
        let seconds = self.begun.elapsed().as_secs();
        let line = WIDTH - 12 - title.chars().count();
        say("");
        self.loud(&format!("── {title} {} {:>2}:{:02} ──", "─".repeat(line), seconds / 60, seconds % 60));
        for line in wrap(why, WIDTH) {
            say(&line);
        }
        say("");
    }

    /// Begins a step.
    pub(crate) fn begin(&mut self, title: &str, why: &str) {
        self.head(title, why);
        self.step = Instant::now();
        self.shown = [None; APPS.len()];
        self.drawn = 0;
        if !self.terminal {
            say("    time  app   replicas     held  requests  errors");
        }
    }

    /// Shows what is new.
    pub(crate) fn show(&mut self, snapshot: &Snapshot) {
        self.note(snapshot, false);
    }

    /// Shows what is left to be shown; the table stays as it is.
    pub(crate) fn end(&mut self, snapshot: &Snapshot) {
        self.note(snapshot, true);
        self.drawn = 0;
    }

    fn note(&mut self, snapshot: &Snapshot, all: bool) {
        let at = self.step.elapsed();
        for (index, figures) in snapshot.iter().enumerate() {
            let new = self.shown[index].is_none_or(|shown| {
                let pods = |figures: &Figures| (figures.replicas, figures.ending);
                let moved = pods(&shown.figures) != pods(figures);
                shown.figures != *figures && (self.terminal || all || moved || at >= shown.at + QUIET)
            });
            if new {
                self.shown[index] = Some(Shown { figures: *figures, at });
                if !self.terminal {
                    say(&row(index, figures, at));
                }
            }
        }
        if self.terminal {
            self.draw(at);
        }
    }

    fn draw(&mut self, at: Duration) {
        let mut text = String::new();
        if self.drawn > 0 {
            let _ = write!(text, "\x1b[{}A", self.drawn);
        }
        let seconds = at.as_secs_f64();
        let _ = writeln!(text, "\x1b[2m{seconds:6.1} s  app   replicas     held  requests  errors\x1b[0m\x1b[K");
        for (index, shown) in self.shown.iter().enumerate() {
            if let Some(shown) = shown {
                let _ = writeln!(text, "{}\x1b[K", row(index, &shown.figures, shown.at));
            }
        }
        self.drawn = 1 + self.shown.iter().flatten().count();
        print(&text);
    }

    /// A line that stands out.
    pub(crate) fn loud(&self, text: &str) {
        if self.terminal {
            say(&format!("\x1b[1m{text}\x1b[0m"));
        } else {
            say(text);
        }
    }

    /// Time since the demo began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// A line of text.
pub(crate) fn say(text: &str) {
    print(&format!("{text}\n"));
}

/// A reader that has gone, such as `head`, is no reason to fail.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn row(index: usize, now: &Figures, at: Duration) -> String {
    let Figures { replicas, ending, held, requests, errors, .. } = now;
    let bar = "▮".repeat(*replicas as usize) + &"▯".repeat(*ending as usize);
    let seconds = at.as_secs_f64();
    format!("{seconds:6.1} s  {:<4}  {replicas:>2} {bar:<7} {held:>6}  {requests:>8}  {errors:>6}", APPS[index])
}

/// Lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_under_its_heading() {
        let now = Figures { replicas: 3, held: 12, requests: 1001, ..Figures::default() };
        assert_eq!(row(0, &now, Duration::from_millis(2345)), "   2.3 s  web    3 ▮▮▮         12      1001       0");
    }

    #[test]
    fn text_is_wrapped_at_words() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
    }
}
