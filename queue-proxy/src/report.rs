//! One measurement a second, kept for a minute and told to the hub.

use std::{sync::Arc, time::Duration};

use proxy::meter::Meter;
use tokio::time::{Instant, MissedTickBehavior};
use wire::{Bucket, History, Load, Up};

use crate::announce::Announcer;

/// What was measured so far. Seconds count from the start of the process.
#[derive(Debug)]
pub(crate) struct Measured {
    revision_uid: String,
    second: u64,
    now: u32,
    history: History,
}

impl Measured {
    pub(crate) fn new(revision_uid: &str) -> Self {
        Self { revision_uid: revision_uid.to_owned(), second: 0, now: 0, history: History::default() }
    }

    /// Takes the second that ended when `second` began, and gives the report of it.
    fn add(&mut self, second: u64, bucket: Bucket, now: u32) -> Up {
        self.second = second;
        self.now = now;
        self.history.push(bucket);
        self.report(vec![bucket])
    }

    /// All that is known, for a new stream.
    pub(crate) fn everything(&self) -> Up {
        self.report(self.history.iter().collect())
    }

    fn report(&self, buckets: Vec<Bucket>) -> Up {
        Up::Report {
            second: self.second,
            loads: vec![Load { revision_uid: self.revision_uid.clone(), now: self.now, buckets }],
        }
    }
}

/// Measures until the process ends.
pub(crate) async fn run(announcer: Arc<Announcer>, meter: Meter) {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    // After a pause of the process: one bucket for the pause, not a burst of empty ones.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        let second = (ticks.tick().await - start).as_secs();
        let bucket = meter.tick(second.saturating_sub(1));
        announcer.measured(|measured| measured.add(second, bucket, meter.now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_stream_is_told_the_last_minute_and_later_ones_a_second() {
        let mut measured = Measured::new("uid");
        let bucket = |second| Bucket { second, concurrency: 1.5, requests: 3 };
        for second in 1..=70 {
            let Up::Report { second: said, loads } = measured.add(second, bucket(second - 1), 2) else {
                panic!("a report")
            };
            assert_eq!((said, loads[0].now), (second, 2));
            assert_eq!(loads[0].buckets, [bucket(second - 1)]);
        }
        let Up::Report { second, loads } = measured.everything() else { panic!("a report") };
        assert_eq!(second, 70);
        let seconds: Vec<_> = loads[0].buckets.iter().map(|b| b.second).collect();
        assert_eq!(seconds, (10..70).collect::<Vec<_>>());
    }
}
