//! A sender's seconds on our own count.

/// How much later than the earliest report so far a report may come before the sender is taken to have stood still.
const LATE_S: i64 = 3;

/// Maps one sender's second count to ours.
///
/// The report that took the least time on its way tells the offset best, so an earlier one corrects it. One that is
/// much later means that a clock stood still (a suspended machine), and the offset begins anew: otherwise all that the
/// sender measures from then on would be too old to count.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: u64,
    offset: Option<i64>,
    second: u64,
}

impl Clock {
    /// Of a process that drew this epoch and has not reported yet.
    pub fn new(epoch: u64) -> Self {
        Self { epoch, offset: None, second: 0 }
    }

    /// The process's life.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Second of the newest report, on the sender's count.
    pub fn second(&self) -> u64 {
        self.second
    }

    /// A report that left in `second` has arrived in our second `now`.
    pub fn report(&mut self, second: u64, now: u64) {
        let fresh = now.cast_signed().saturating_sub_unsigned(second);
        self.offset = match self.offset {
            Some(offset) if fresh >= offset && fresh <= offset.saturating_add(LATE_S) => Some(offset),
            _ => Some(fresh),
        };
        self.second = second;
    }

    /// Our second for one of the sender's; none if it lies in its future or before our count.
    pub fn ours(&self, second: u64) -> Option<u64> {
        if second > self.second {
            return None;
        }
        u64::try_from(i64::try_from(second).ok()?.checked_add(self.offset?)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_report_sets_the_offset() {
        let mut clock = Clock::new(1);
        assert_eq!(clock.ours(7), None);
        clock.report(7, 1000);
        assert_eq!((clock.ours(6), clock.ours(7), clock.ours(8)), (Some(999), Some(1000), None));
    }

    #[test]
    fn an_earlier_report_corrects_a_later_does_not() {
        let mut clock = Clock::new(1);
        clock.report(7, 1001);
        clock.report(8, 1001);
        assert_eq!(clock.ours(8), Some(1001));
        clock.report(9, 1004);
        assert_eq!(clock.ours(9), Some(1002));
    }

    #[test]
    fn a_clock_that_stood_still_begins_anew() {
        let mut clock = Clock::new(1);
        clock.report(7, 1000);
        clock.report(8, 1100);
        assert_eq!(clock.ours(8), Some(1100));
    }

    #[test]
    fn absurd_seconds_do_no_harm() {
        let mut clock = Clock::new(1);
        clock.report(u64::MAX, 1000);
        assert_eq!(clock.ours(u64::MAX), None);
        clock.report(0, u64::MAX);
        assert_eq!(clock.ours(5), None);
        clock.report(7, 1000);
        assert_eq!(clock.ours(7), Some(1000));
    }
}
