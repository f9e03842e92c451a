//! What a revision did for users: counts and times that can be added, sent and subtracted.

use std::time::Duration;

/// Buckets of [`Times`]: four an octave, from [`FIRST`] on; the last has no upper end.
pub const BUCKETS: usize = 96;
/// Upper end of the first bucket.
const FIRST: Duration = Duration::from_micros(100);
/// Buckets in which a time doubles.
const PER_OCTAVE: f64 = 4.0;

/// Requests of one revision since some moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered or failed.
    pub requests: u64,
    /// Of these, failed: status 5xx, reset, timed out.
    pub errors: u64,
    /// Of these, waited for a pod; not in `times`.
    pub cold_starts: u64,
    /// Time to the head of the answer.
    pub times: Times,
}

/// A histogram of times; what is read off it is right within a fifth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times([u64; BUCKETS]);

impl Default for Times {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

/// The bucket that a time belongs to.
pub fn bucket(time: Duration) -> usize {
    let octaves = (time.as_secs_f64() / FIRST.as_secs_f64()).max(1.0).log2();
    ((octaves * PER_OCTAVE).ceil() as usize).min(BUCKETS - 1)
}

impl Times {
    /// From counts of [`BUCKETS`].
    pub fn of(counts: [u64; BUCKETS]) -> Self {
        Self(counts)
    }

    /// Counts by bucket.
    pub fn counts(&self) -> &[u64; BUCKETS] {
        &self.0
    }

    /// Adds one.
    pub fn record(&mut self, time: Duration) {
        self.0[bucket(time)] += 1;
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Upper end of the bucket within which this share of all stayed (0.99: of 100 the 99 fastest); `None` without any.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total = self.total();
        let rank = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let place = self.0.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(FIRST.mul_f64((place as f64 / PER_OCTAVE).exp2()))
    }
}

impl Tally {
    /// Adds the requests of another.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.cold_starts += other.cold_starts;
        for (sum, count) in self.times.0.iter_mut().zip(other.times.0) {
            *sum += count;
        }
    }

    /// What came since `earlier`, an older state of the same.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut times = self.times.0;
        for (count, before) in times.iter_mut().zip(earlier.times.0) {
            *count = count.saturating_sub(before);
        }
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            errors: self.errors.saturating_sub(earlier.errors),
            cold_starts: self.cold_starts.saturating_sub(earlier.cold_starts),
            times: Times(times),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quantile_is_right_within_a_fifth(mut micros in proptest::collection::vec(100u64..1_000_000_000, 1..200), share in 0.0f64..1.0) {
            let mut times = Times::default();
            for m in &micros {
                times.record(Duration::from_micros(*m));
            }
            micros.sort_unstable();
            let rank = ((micros.len() as f64 * share).ceil() as usize).max(1);
            let exact = micros[rank - 1] as f64 / 1e6;
            let read = times.quantile(share).expect("not empty").as_secs_f64();
            prop_assert!(read >= exact * 0.999 && read <= exact * 1.2, "{read} for {exact}");
        }
    }

    #[test]
    fn sums_and_differences() {
        assert_eq!(Times::default().quantile(0.99), None);
        let (mut all, mut later) = (Tally { requests: 3, errors: 1, ..Tally::default() }, Tally::default());
        all.times.record(Duration::from_millis(5));
        later.requests = 2;
        later.times.record(Duration::from_secs(1));
        let before = all.clone();
        all.add(&later);
        assert_eq!(all.since(&before), later);
        assert_eq!(before.since(&all), Tally::default(), "never below nothing");
    }
}
