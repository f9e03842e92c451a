//! A sliding window of one-second sums and its averages (Knative: pkg/autoscaler/aggregation/bucketing.go).

use crate::spec::Aggregation;

/// What the weights of a whole weighted window lack of 1 at most.
const WEIGHT_LACK: f64 = 0.0001;
/// Least share of the newest second in a weighted average: it keeps long windows from becoming linear ones.
const LEAST_WEIGHT: f64 = 0.2;

/// The sums of the last `seconds` seconds in a ring, addressed by second modulo length.
///
/// What is recorded for the same second adds up: several senders make one revision's load. The average is over
/// what is known: a young window over its age, one without recent records over the part before the silence.
#[derive(Debug, Clone)]
pub struct Window {
    seconds: u32,
    /// Empty while every bucket is zero: a sleeping revision keeps none.
    buckets: Box<[f64]>,
    first: Option<u64>,
    last: Option<u64>,
    total: f64,
}

impl Window {
    /// A window of this many seconds, at least one.
    pub fn new(seconds: u32) -> Self {
        Self { seconds: seconds.max(1), buckets: Box::default(), first: None, last: None, total: 0.0 }
    }

    /// Adds `value` to the bucket of `second`; what is a window or more older than the newest record is ignored.
    pub fn record(&mut self, second: u64, value: f64) {
        if self.last.is_some_and(|last| last.saturating_sub(second) >= u64::from(self.seconds)) {
            return;
        }
        if self.last != Some(second) {
            self.first = Some(self.first.map_or(second, |first| first.min(second)));
            self.advance(second);
        }
        if value == 0.0 {
            return;
        }
        if self.buckets.is_empty() {
            self.buckets = vec![0.0; self.seconds as usize].into();
        }
        let index = self.index(second);
        self.buckets[index] += value;
        self.total += value;
    }

    /// Makes `second` the newest, unless it is a late one; what lies between was zero.
    fn advance(&mut self, second: u64) {
        match self.last {
            Some(last) if second <= last => return,
            Some(last) if second - last < u64::from(self.seconds) => {
                for passed in last + 1..=second {
                    self.total -= self.bucket(passed);
                    let index = self.index(passed);
                    self.buckets.get_mut(index).map(std::mem::take);
                }
            }
            _ => {
                self.first = Some(second);
                self.buckets.fill(0.0);
                self.total = 0.0;
            }
        }
        self.last = Some(second);
    }

    /// The average over the window that ends at `now`; 0 when nothing is in it.
    pub fn average(&self, now: u64, aggregation: Aggregation) -> f64 {
        let Some(last) = self.last else { return 0.0 };
        let silence = now.saturating_sub(last);
        if silence >= u64::from(self.seconds) {
            return 0.0;
        }
        match aggregation {
            Aggregation::Linear => self.linear(last, silence),
            Aggregation::WeightedExponential => self.weighted(last, silence),
        }
    }

    /// Rounded to six decimals: what adding and subtracting leaves must not look like load.
    fn linear(&self, last: u64, silence: u64) -> f64 {
        let sum = self.without(last, silence);
        let age = self.first.map_or(u64::MAX, |first| last - first + 1);
        let counted = age.min(u64::from(self.seconds) - silence);
        (sum / counted as f64 * 1e6).round() / 1e6
    }

    /// Not normalised: a young window reads low.
    fn weighted(&self, last: u64, silence: u64) -> f64 {
        let share = (1.0 - WEIGHT_LACK.powf(1.0 / f64::from(self.seconds))).max(LEAST_WEIGHT);
        let mut weight = share * (1.0 - share).powi(silence as i32);
        let mut sum = 0.0;
        let newest = last % u64::from(self.seconds) + u64::from(self.seconds);
        for back in 0..u64::from(self.seconds) - silence {
            sum += self.bucket(newest - back) * weight;
            weight *= 1.0 - share;
        }
        sum
    }

    /// Whether nothing was recorded in the window that ends at `now`: then [`Window::average`] says 0 for want of
    /// data, which is not the same as no load.
    pub fn is_silent(&self, now: u64) -> bool {
        self.last.is_none_or(|last| now.saturating_sub(last) >= u64::from(self.seconds))
    }

    /// Whether records reach back over the whole window that ends at `now`; a young one knows only its age.
    pub fn is_whole(&self, now: u64) -> bool {
        self.first.is_some_and(|first| now.saturating_sub(first) >= u64::from(self.seconds))
    }

    /// Changes the length and keeps the newest records. The window then counts as old as the former length.
    pub fn resize(&mut self, seconds: u32, now: u64) {
        let seconds = seconds.max(1);
        if seconds == self.seconds {
            return;
        }
        let former = std::mem::replace(self, Self { last: self.last, ..Self::new(seconds) });
        let Some(last) = former.last.filter(|last| now.saturating_sub(*last) <= u64::from(former.seconds)) else {
            return;
        };
        self.first = Some(last.saturating_sub(u64::from(former.seconds) - 1));
        if former.buckets.is_empty() {
            return;
        }
        self.buckets = vec![0.0; seconds as usize].into();
        for back in 0..u64::from(seconds.min(former.seconds)).min(last.saturating_add(1)) {
            let index = self.index(last - back);
            self.buckets[index] = former.bucket(last - back);
            self.total += self.buckets[index];
        }
    }

    /// Gives the memory back if no average can need it any more: all is zero, or older than the window.
    pub fn rest(&mut self, now: u64) {
        let Some(last) = self.last else { return };
        let expired = now.saturating_sub(last) > u64::from(self.seconds);
        if expired || self.buckets.iter().all(|value| *value == 0.0) {
            // Not set to zero: the rest of rounding stays, as it does in a window that keeps its ring.
            self.total = self.without(last, u64::from(self.seconds));
            self.buckets = Box::default();
        }
    }

    /// The sum without the seconds that the next `passed` take the place of, oldest first.
    fn without(&self, last: u64, passed: u64) -> f64 {
        let newest = last % u64::from(self.seconds);
        (1..=passed).fold(self.total, |sum, step| sum - self.bucket(newest + step))
    }

    /// Bytes of the ring.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    fn index(&self, second: u64) -> usize {
        (second % u64::from(self.seconds)) as usize
    }

    fn bucket(&self, second: u64) -> f64 {
        self.buckets.get(self.index(second)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests;
