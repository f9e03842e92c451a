//! Findings as ticks in groups.

use std::fmt;
use std::fmt::Write as _;

use super::findings::{Finding, Group, Outcome};

/// How much was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    pub errors: usize,
    pub hints: usize,
}

impl Sum {
    /// Counts.
    pub fn of(groups: &[Group]) -> Self {
        let count = |wanted: fn(&Outcome) -> bool| {
            groups.iter().flat_map(|group| &group.findings).filter(|finding| wanted(&finding.outcome)).count()
        };
        Self {
            errors: count(|outcome| matches!(outcome, Outcome::Error { .. })),
            hints: count(|outcome| matches!(outcome, Outcome::Hint { .. })),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
        write!(f, "{}, {}", counted(self.errors, "error"), counted(self.hints, "hint"))
    }
}

/// The page.
pub fn render(groups: &[Group]) -> String {
    let mut page = String::new();
    for Group { title, findings } in groups {
        // Writing to a text does not fail.
        let _ = writeln!(page, "{title}\n{}", "-".repeat(title.chars().count()));
        for finding in findings {
            line(&mut page, finding);
        }
        page.push('\n');
    }
    let sum = Sum::of(groups);
    let whole = if sum == (Sum { errors: 0, hints: 0 }) { "all is sound".to_owned() } else { sum.to_string() };
    page + &whole + "\n"
}

fn line(page: &mut String, Finding { code, outcome }: &Finding) {
    let (mark, what, fix) = match outcome {
        Outcome::Good { what } => ("√", what, None),
        Outcome::Hint { what, fix } => ("‼", what, Some(fix)),
        Outcome::Error { what, fix } => ("×", what, Some(fix)),
    };
    let _ = writeln!(page, "{mark} {code} {what}");
    if let Some(fix) = fix {
        let _ = writeln!(page, "       {fix}");
    }
}
