//! Holds a number of pods up for a while (Knative: pkg/autoscaler/aggregation/max).

use std::collections::VecDeque;
use std::time::Duration;

/// Seconds that share one slot: the interval of ticks.
const SLOT_S: u64 = 2;

/// The largest number of pods wanted within a delay.
///
/// Keeps the numbers that can still be the largest: each newer one is smaller than the one before it.
#[derive(Debug, Clone, Default)]
pub struct Delay {
    maxima: VecDeque<(u64, u32)>,
}

impl Delay {
    /// Records what is wanted and tells the most that was wanted within `delay`, which may change at any time.
    pub fn record(&mut self, now: Duration, delay: Duration, pods: u32) -> u32 {
        let slots = delay.as_nanos().div_ceil(u128::from(SLOT_S) * 1_000_000_000) as u64;
        let slot = now.as_secs() / SLOT_S;
        while self.maxima.pop_front_if(|(at, _)| slot.saturating_sub(*at) >= slots).is_some() {}
        while self.maxima.pop_back_if(|(_, held)| *held <= pods).is_some() {}
        // Within one slot the largest counts, not the newest.
        if slots > 0 && self.maxima.back().is_none_or(|(at, _)| *at != slot) {
            self.maxima.push_back((slot, pods));
        }
        let most = self.maxima.front().map_or(pods, |(_, most)| *most);
        if most == 0 {
            // Zero holds nothing up, and a sleeping revision keeps no memory.
            self.maxima = VecDeque::new();
        }
        most
    }

    /// Whether nothing was recorded that still counts.
    pub fn is_empty(&self) -> bool {
        self.maxima.is_empty()
    }

    /// Bytes beside the struct.
    pub fn heap_bytes(&self) -> usize {
        self.maxima.capacity() * size_of::<(u64, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(delay_s: u64, wanted: &[(u64, u32)]) -> Vec<u32> {
        let mut delay = Delay::default();
        let record = |(second, pods): &(u64, u32)| {
            delay.record(Duration::from_secs(*second), Duration::from_secs(delay_s), *pods)
        };
        wanted.iter().map(record).collect()
    }

    #[test]
    fn fewer_pods_wait_for_the_delay_and_more_do_not() {
        let wanted = [(100, 5), (102, 3), (104, 4), (106, 1), (108, 1), (110, 1), (112, 6)];
        assert_eq!(run(6, &wanted), [5, 5, 5, 4, 4, 1, 6]);
    }

    #[test]
    fn the_largest_of_a_slot_counts() {
        assert_eq!(run(2, &[(100, 5), (101, 3), (102, 3), (103, 2), (104, 2)]), [5, 5, 3, 3, 2]);
    }

    #[test]
    fn a_part_of_a_slot_is_a_slot() {
        assert_eq!(run(3, &[(100, 5), (102, 1), (104, 1)]), [5, 5, 1]);
    }

    #[test]
    fn no_delay_holds_nothing() {
        assert_eq!(run(0, &[(100, 5), (100, 1), (100, 3)]), [5, 1, 3]);
    }

    #[test]
    fn a_changed_delay_holds_from_the_next_record() {
        let mut delay = Delay::default();
        let mut record =
            |second, seconds, pods| delay.record(Duration::from_secs(second), Duration::from_secs(seconds), pods);
        assert_eq!([record(100, 10, 5), record(102, 10, 3), record(104, 4, 1)], [5, 5, 3]);
        assert_eq!([record(106, 60, 1), record(108, 0, 1)], [3, 1]);
        assert_eq!([record(110, 0, 5), record(112, 10, 1)], [5, 1], "without a delay nothing is kept");
    }

    #[test]
    fn zero_needs_no_memory() {
        let mut delay = Delay::default();
        let mut record = |second, pods| delay.record(Duration::from_secs(second), Duration::from_secs(4), pods);
        assert_eq!([record(100, 5), record(102, 0)], [5, 5]);
        assert!(delay.heap_bytes() >= 2 * 16);
        assert_eq!(delay.record(Duration::from_secs(104), Duration::from_secs(4), 0), 0);
        assert_eq!(delay.heap_bytes(), 0);
    }
}
