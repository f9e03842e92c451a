//! What happened in a run, in order, and one number that stands for all of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The journal of one run. Clones are the same one.
#[derive(Clone)]
pub struct Journal(Arc<Mutex<Pages>>);

struct Pages {
    began: Instant,
    lines: Vec<String>,
    violations: Vec<String>,
}

impl Journal {
    /// An empty one that begins now.
    pub fn start() -> Self {
        Self(Arc::new(Mutex::new(Pages { began: Instant::now(), lines: Vec::new(), violations: Vec::new() })))
    }

    /// Virtual time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.0.lock().began.elapsed()
    }

    /// Something happened.
    pub fn note(&self, what: impl fmt::Display) {
        let mut pages = self.0.lock();
        let line = format!("{:>10.3} {what}", pages.began.elapsed().as_secs_f64());
        tracing::debug!(target: "journal", "{line}");
        pages.lines.push(line);
    }

    /// Something happened that never may. The same again is not told again.
    pub fn violation(&self, what: impl fmt::Display) {
        let what = what.to_string();
        if self.0.lock().violations.iter().any(|known| known.ends_with(&what)) {
            return;
        }
        self.note(format_args!("VIOLATION {what}"));
        let mut pages = self.0.lock();
        let line = format!("{:.3} s: {what}", pages.began.elapsed().as_secs_f64());
        pages.violations.push(line);
    }

    /// What never may happen and did.
    pub fn violations(&self) -> Vec<String> {
        self.0.lock().violations.clone()
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.0.lock().lines.join("\n")
    }
}

/// FNV-1a of a text.
pub fn digest(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, fold)
}
