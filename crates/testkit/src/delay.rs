//! How long something takes: a distribution to draw from.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Distance of the 99th percentile from the median of a normal distribution, in standard deviations.
const Z_P99: f64 = 2.326_347_9;

/// A distribution of durations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always this long.
    Fixed(Duration),
    /// Anything between the two, each as likely.
    Between(Duration, Duration),
    /// Log-normal: half of them shorter than `median`, one in a hundred longer than `p99`.
    Tail {
        /// Half are shorter.
        median: Duration,
        /// One in a hundred is longer.
        p99: Duration,
    },
}

impl Delay {
    /// No time at all.
    pub const NONE: Self = Self::Fixed(Duration::ZERO);

    /// Always this many milliseconds.
    pub const fn ms(millis: u64) -> Self {
        Self::Fixed(Duration::from_millis(millis))
    }

    /// Between so many milliseconds.
    pub const fn between_ms(least: u64, most: u64) -> Self {
        Self::Between(Duration::from_millis(least), Duration::from_millis(most))
    }

    /// One of them.
    pub fn draw(&self, random: &mut impl Rng) -> Duration {
        match *self {
            Self::Fixed(length) => length,
            Self::Between(least, most) => least + most.saturating_sub(least).mul_f64(random.random_range(0.0..=1.0)),
            Self::Tail { median, p99 } => {
                let sigma = (p99.as_secs_f64() / median.as_secs_f64()).ln().max(0.0) / Z_P99;
                median.mul_f64((sigma * normal(random)).exp())
            }
        }
    }
}

/// One draw of a standard normal distribution (Box and Muller).
fn normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * random.random_range(f64::MIN_POSITIVE..1.0).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random_range(0.0..1.0)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut random = Seed::new(1).stream("delay");
        let delay = Delay::between_ms(10, 20);
        for _ in 0..1000 {
            let drawn = delay.draw(&mut random).as_secs_f64() * 1000.0;
            assert!((10.0..=20.0).contains(&drawn), "{drawn}");
        }
    }

    #[test]
    fn a_tail_has_its_median_and_its_99th_percentile() {
        let mut random = Seed::new(1).stream("delay");
        let delay = Delay::Tail { median: Duration::from_millis(100), p99: Duration::from_secs(2) };
        let mut drawn: Vec<_> = (0..20_000).map(|_| delay.draw(&mut random).as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        assert!((drawn[10_000] / 0.1 - 1.0).abs() < 0.1, "{}", drawn[10_000]);
        assert!((drawn[19_800] / 2.0 - 1.0).abs() < 0.2, "{}", drawn[19_800]);
    }
}
