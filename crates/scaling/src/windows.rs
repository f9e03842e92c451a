//! The two windows of one revision.

use crate::decide::Averages;
use crate::spec::{Aggregation, Spec};
use crate::window::Window;

/// The stable and the burst window; both get every record.
#[derive(Debug, Clone)]
pub struct Windows {
    stable: Window,
    burst: Window,
}

impl Windows {
    /// Empty windows as long as `spec` says.
    pub fn new(spec: &Spec) -> Self {
        Self { stable: Window::new(spec.window_s), burst: Window::new(spec.burst_window_s()) }
    }

    /// Changes their length; records are kept.
    pub fn resize(&mut self, spec: &Spec, now: u64) {
        self.stable.resize(spec.window_s, now);
        self.burst.resize(spec.burst_window_s(), now);
    }

    /// Adds what one sender measured in one second.
    pub fn record(&mut self, second: u64, load: f64) {
        self.stable.record(second, load);
        self.burst.record(second, load);
    }

    /// The averages at `now`.
    pub fn averages(&self, now: u64, aggregation: Aggregation) -> Averages {
        Averages { stable: self.stable.average(now, aggregation), burst: self.burst.average(now, aggregation) }
    }

    /// Whether nothing was recorded in the stable window that ends at `now`.
    pub fn is_silent(&self, now: u64) -> bool {
        self.stable.is_silent(now)
    }

    /// Whether the stable window that ends at `now` is known as a whole.
    pub fn is_whole(&self, now: u64) -> bool {
        self.stable.is_whole(now)
    }

    /// Whether there was load in the stable window that ends at `now`, wherever in it.
    pub fn is_busy(&self, now: u64) -> bool {
        self.stable.average(now, Aggregation::Linear) > 0.0
    }

    /// Gives back the memory that nobody can need any more.
    pub fn rest(&mut self, now: u64) {
        self.stable.rest(now);
        self.burst.rest(now);
    }

    /// Bytes beside the struct.
    pub fn heap_bytes(&self) -> usize {
        self.stable.heap_bytes() + self.burst.heap_bytes()
    }
}
