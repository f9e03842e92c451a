//! A sliding window of one-second sums and its average.

/// The sums of the last `seconds` seconds in a ring, addressed by second modulo length.
///
/// What is recorded for the same second adds up: several senders make one revision's load. The average is over
/// what is known: a young window over its age, one without recent records over the part before the silence.
#[derive(Debug, Clone)]
pub struct Window {
    seconds: u32,
    /// Empty until the first record, and again after [`Window::rest`]: a sleeping revision keeps none.
    buckets: Vec<f64>,
    first: Option<u64>,
    last: Option<u64>,
    total: f64,
}

impl Window {
    /// A window of this many seconds, at least one.
    pub fn new(seconds: u32) -> Self {
        Self { seconds: seconds.max(1), buckets: Vec::new(), first: None, last: None, total: 0.0 }
    }

    /// Adds `value` to the bucket of `second`; what is a window or more older than the newest record is ignored.
    pub fn record(&mut self, second: u64, value: f64) {
        if self.last.is_some_and(|last| second + u64::from(self.seconds) <= last) {
            return;
        }
        if self.buckets.is_empty() {
            self.buckets = vec![0.0; self.seconds as usize];
        }
        if self.last != Some(second) {
            if self.first.is_none_or(|first| first > second) {
                self.first = Some(second);
            }
            self.advance(second);
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
                    let index = self.index(passed);
                    self.total -= std::mem::take(&mut self.buckets[index]);
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

    /// The average over the window that ends at `now`, rounded to six decimals; 0 when nothing is in it.
    pub fn average(&self, now: u64) -> f64 {
        let Some(last) = self.last else { return 0.0 };
        let silence = now.saturating_sub(last);
        if silence >= u64::from(self.seconds) || self.buckets.is_empty() {
            return 0.0;
        }
        let expired: f64 = (last + 1..=now).map(|second| self.buckets[self.index(second)]).fold(0.0, |sum, v| sum + v);
        let age = self.first.map_or(u64::MAX, |first| last - first + 1);
        let counted = age.min(u64::from(self.seconds) - silence);
        ((self.total - expired) / counted as f64 * 1e6).round() / 1e6
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
        let former = std::mem::replace(&mut self.seconds, seconds);
        let buckets = std::mem::take(&mut self.buckets);
        self.total = 0.0;
        let Some(last) = self.last.filter(|_| !buckets.is_empty()) else { return };
        if now.saturating_sub(last) > u64::from(former) {
            self.first = None;
            return;
        }
        self.buckets = vec![0.0; seconds as usize];
        for back in 0..u64::from(seconds.min(former)).min(last + 1) {
            let value = buckets[((last - back) % u64::from(former)) as usize];
            let index = self.index(last - back);
            self.buckets[index] = value;
            self.total += value;
        }
        self.first = Some(last.saturating_sub(u64::from(former) - 1));
    }

    /// Gives the memory back once nothing is in the window that ends at `now`.
    pub fn rest(&mut self, now: u64) {
        if self.is_silent(now) && !self.buckets.is_empty() {
            *self = Self::new(self.seconds);
        }
    }

    fn index(&self, second: u64) -> usize {
        (second % u64::from(self.seconds)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn a_young_window_averages_over_its_age() {
        let mut window = Window::new(5);
        window.record(100, 10.0);
        assert!(near(window.average(100), 10.0));
        window.record(101, 20.0);
        assert!(near(window.average(101), 15.0));
    }

    #[test]
    fn senders_add_up_within_a_second() {
        let mut window = Window::new(5);
        window.record(100, 1.0);
        window.record(100, 2.0);
        assert!(near(window.average(100), 3.0));
    }

    #[test]
    fn silence_shortens_the_window_from_its_end() {
        let mut window = Window::new(5);
        for second in 100..105 {
            window.record(second, (second - 99) as f64);
        }
        assert!(near(window.average(104), 3.0));
        assert!(near(window.average(106), 4.0), "3, 4 and 5 are left");
        assert!(near(window.average(108), 5.0));
        assert!(near(window.average(109), 0.0) && window.is_silent(109) && !window.is_silent(108));
    }

    #[test]
    fn a_gap_counts_as_zero_and_a_long_one_starts_anew() {
        let mut window = Window::new(5);
        window.record(100, 9.0);
        window.record(102, 3.0);
        assert!(near(window.average(102), 4.0));
        window.record(107, 6.0);
        assert!(near(window.average(107), 6.0));
    }

    #[test]
    fn late_records_count_while_they_are_in_the_window() {
        let mut window = Window::new(5);
        window.record(104, 5.0);
        window.record(102, 4.0);
        assert!(near(window.average(104), 3.0), "9 over the three seconds since the first");
        window.record(99, 100.0);
        assert!(near(window.average(104), 3.0));
    }

    #[test]
    fn a_window_is_whole_when_it_is_as_old_as_long() {
        let mut window = Window::new(5);
        assert!(!window.is_whole(100));
        window.record(100, 1.0);
        assert!(!window.is_whole(104) && window.is_whole(105));
        window.record(110, 1.0);
        assert!(!window.is_whole(112), "a gap began it anew");
    }

    #[test]
    fn averages_are_rounded_to_six_decimals() {
        let mut window = Window::new(3);
        window.record(100, 1.0);
        window.record(102, 0.0);
        assert_eq!(window.average(102).to_string(), "0.333333");
        window.record(101, 1.0);
        assert_eq!(window.average(102).to_string(), "0.666667");
    }

    #[test]
    fn resizing_keeps_the_newest() {
        let mut window = Window::new(4);
        for second in 100..104 {
            window.record(second, (second - 99) as f64);
        }
        let mut shorter = window.clone();
        shorter.resize(2, 103);
        assert!(near(shorter.average(103), 3.5));
        window.resize(8, 103);
        assert!(near(window.average(103), 2.5));
        window.record(104, 5.0);
        assert!(near(window.average(104), 3.0));
    }

    #[test]
    fn resizing_a_silent_window_forgets() {
        let mut window = Window::new(4);
        window.record(100, 8.0);
        window.resize(60, 105);
        assert!(near(window.average(105), 0.0));
        window.record(106, 2.0);
        assert!(near(window.average(106), 2.0));
    }

    #[test]
    fn resting_frees_only_a_silent_window() {
        let mut window = Window::new(4);
        window.record(100, 8.0);
        window.rest(103);
        assert!(near(window.average(103), 8.0));
        window.rest(104);
        assert_eq!(window.buckets.capacity(), 0);
        window.record(105, 1.0);
        assert!(near(window.average(105), 1.0));
    }
}
