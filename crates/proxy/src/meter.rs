//! How many requests are in flight: the time integral over a second, never a sample.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use wire::Bucket;

/// Counts what is in flight. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: u32,
    /// Requests that began since the last tick.
    began: u32,
    /// Request-seconds since the last tick.
    integral: f64,
    changed: Instant,
    ticked: Instant,
}

impl State {
    fn new(at: Instant) -> Self {
        Self { now: 0, began: 0, integral: 0.0, changed: at, ticked: at }
    }

    fn advance(&mut self, to: Instant) {
        let passed = to.saturating_duration_since(self.changed);
        self.integral += f64::from(self.now) * passed.as_secs_f64();
        self.changed = self.changed.max(to);
    }

    fn enter(&mut self, at: Instant) {
        self.advance(at);
        self.now += 1;
        self.began = self.began.saturating_add(1);
    }

    fn leave(&mut self, at: Instant) {
        self.advance(at);
        self.now -= 1;
    }

    fn tick(&mut self, second: u64, at: Instant) -> Bucket {
        self.advance(at);
        let elapsed = self.changed.saturating_duration_since(self.ticked).as_secs_f64();
        let concurrency = if elapsed > 0.0 { self.integral / elapsed } else { f64::from(self.now) };
        let bucket = Bucket { second, concurrency: concurrency as f32, requests: self.began };
        self.began = 0;
        self.integral = 0.0;
        self.ticked = self.changed;
        bucket
    }
}

impl Meter {
    /// Nothing in flight; the first second begins now.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State::new(Instant::now()))))
    }

    /// One more request, until the guard is dropped.
    pub fn enter(&self) -> MeterGuard {
        self.0.lock().enter(Instant::now());
        MeterGuard(self.clone())
    }

    /// Requests in flight at this moment.
    pub fn now(&self) -> u32 {
        self.0.lock().now
    }

    /// Closes the second that has passed since the last call and names it `second`.
    pub fn tick(&self, second: u64) -> Bucket {
        self.0.lock().tick(second, Instant::now())
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

/// A request in flight.
#[derive(Debug)]
pub struct MeterGuard(Meter);

impl Drop for MeterGuard {
    fn drop(&mut self) {
        self.0.0.lock().leave(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_average_is_the_integral_over_the_time_that_passed() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut state = State::new(start);
        state.enter(at(250));
        state.enter(at(500));
        state.leave(at(750));
        let bucket = state.tick(7, at(1000));
        assert_eq!((bucket.second, bucket.requests), (7, 2));
        // 1 x 0.25 + 2 x 0.25 + 1 x 0.25
        assert!((bucket.concurrency - 1.0).abs() < 1e-6, "{bucket:?}");
        // What still runs counts in the next second, without having begun in it; a late tick changes no average.
        let bucket = state.tick(8, at(2500));
        assert_eq!(bucket.requests, 0);
        assert!((bucket.concurrency - 1.0).abs() < 1e-6, "{bucket:?}");
    }

    #[test]
    fn time_that_goes_back_adds_nothing() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut state = State::new(start);
        state.enter(start + Duration::from_secs(1));
        state.leave(start);
        let bucket = state.tick(1, start + Duration::from_secs(2));
        assert!(bucket.concurrency.abs() < 1e-6, "{bucket:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn guards_count_until_they_are_dropped() {
        let meter = Meter::new();
        let first = meter.enter();
        let second = meter.enter();
        assert_eq!(meter.now(), 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        drop((first, second));
        assert_eq!(meter.now(), 0);
        assert!((meter.tick(1).concurrency - 2.0).abs() < 1e-6);
    }
}
