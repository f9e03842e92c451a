//! A slow walk through all there is: even what does not change is looked at again, a few objects at a time.

use std::ops::Range;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Time of one round.
const ROUND: Duration = Duration::from_mins(5);
/// Parts of a round.
const PARTS: u32 = 60;

/// Round after round.
#[derive(Debug)]
pub struct Rounds {
    ticks: Interval,
    part: u32,
}

/// One part of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part(u32);

impl Rounds {
    /// The first part comes after its share of a round.
    pub fn new() -> Self {
        let step = ROUND / PARTS;
        let mut ticks = interval_at(Instant::now() + step, step);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, part: 0 }
    }

    /// Waits for the next part. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Part {
        self.ticks.tick().await;
        let part = Part(self.part);
        self.part = (self.part + 1) % PARTS;
        part
    }
}

impl Part {
    /// The slots that are its own, of so many.
    pub fn of(self, slots: u32) -> Range<u32> {
        let until = |part: u32| (u64::from(slots) * u64::from(part) / u64::from(PARTS)) as u32;
        until(self.0)..until(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_round_takes_its_time_and_visits_each_slot_once() {
        let begin = Instant::now();
        let mut rounds = Rounds::new();
        let mut visited = Vec::new();
        for _ in 0..PARTS {
            visited.extend(rounds.next().await.of(137));
        }
        assert_eq!(visited, (0..137).collect::<Vec<_>>());
        assert_eq!(begin.elapsed(), ROUND);
        assert_eq!(rounds.next().await, Part(0));
    }
}
