//! Each second: how many requests each revision held, kept for a minute and told to the hub.
//!
//! Only what is held is counted; what was forwarded is counted by the pod. A revision is in the report while its last
//! minute is not all zero: a report also says that nothing else is held here. What revisions of a release did for users
//! goes with it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use runtime::hub::{Link, Opening};
use tokio::time::{Instant, MissedTickBehavior, interval};
use wire::{Bucket, History, Load, Up};

use crate::revisions::Revisions;

/// The last minute of every revision that had one.
#[derive(Debug, Default)]
struct Minutes {
    second: u64,
    loads: HashMap<Box<str>, (u32, History)>,
}

impl Minutes {
    /// Takes one revision's second. `now`: held at its end.
    fn add(&mut self, uid: &str, bucket: Bucket, now: u32) {
        if now > 0 || !quiet(&bucket) || self.loads.contains_key(uid) {
            let (last, history) = self.loads.entry(uid.into()).or_default();
            *last = now;
            history.push(bucket);
        }
    }

    /// Forgets revisions that are gone, and those whose whole minute was quiet.
    fn tidy(&mut self, lives: impl Fn(&str) -> bool) {
        self.loads
            .retain(|uid, (now, history)| lives(uid) && (*now > 0 || history.iter().any(|bucket| !quiet(&bucket))));
    }

    /// The report of the last `seconds` seconds.
    fn report(&self, seconds: usize) -> Vec<Up> {
        let load = |(uid, (now, history)): (&_, &(u32, History))| {
            let buckets: Vec<Bucket> = history.iter().collect();
            Load {
                revision_uid: Box::<str>::to_string(uid),
                now: *now,
                buckets: buckets[buckets.len().saturating_sub(seconds)..].to_vec(),
            }
        };
        Up::reports(self.second, self.loads.iter().map(load).collect())
    }
}

fn quiet(bucket: &Bucket) -> bool {
    bucket.requests == 0 && bucket.concurrency <= 0.0
}

/// Measures all revisions.
pub(crate) struct Reporter {
    revisions: Arc<Revisions>,
    minutes: Mutex<Minutes>,
}

impl Reporter {
    pub(crate) fn new(revisions: Arc<Revisions>) -> Arc<Self> {
        Arc::new(Self { revisions, minutes: Mutex::default() })
    }

    /// Measures and tells `link`, until the process ends.
    pub(crate) async fn run(&self, link: Link) {
        let start = Instant::now();
        let mut ticks = interval(Duration::from_secs(1));
        // After a pause of the process: one bucket for the pause, not a burst of empty ones.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        loop {
            let second = (ticks.tick().await - start).as_secs();
            for message in self.measure(second) {
                link.send(message);
            }
        }
    }

    /// Closes the second that ended when `second` began: its report, and the demand that still stands.
    pub(crate) fn measure(&self, second: u64) -> Vec<Up> {
        let mut minutes = self.minutes.lock();
        minutes.second = second;
        for revision in self.revisions.all() {
            let bucket = revision.meter.tick(second.saturating_sub(1));
            minutes.add(&revision.uid, bucket, revision.meter.now());
        }
        let mut messages = minutes.report(1);
        minutes.tidy(|uid| self.revisions.get(uid).is_some());
        drop(minutes);
        messages.extend(self.revisions.demands());
        messages.extend(self.revisions.outcomes(false));
        messages
    }
}

impl Opening for Reporter {
    fn messages(&self) -> Vec<Up> {
        let mut messages = self.minutes.lock().report(History::SECONDS);
        messages.extend(self.revisions.demands());
        messages.extend(self.revisions.outcomes(true));
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(second: u64, concurrency: f32) -> Bucket {
        Bucket { second, concurrency, requests: 0 }
    }

    fn seconds(reports: &[Up]) -> Vec<u64> {
        let Up::Report { loads, .. } = &reports[0] else { panic!("a report") };
        loads.iter().flat_map(|load| load.buckets.iter().map(|bucket| bucket.second)).collect()
    }

    #[test]
    fn in_the_report_from_the_first_held_request_until_a_quiet_minute_later() {
        let mut minutes = Minutes::default();
        minutes.add("uid", bucket(0, 0.0), 0);
        assert!(minutes.loads.is_empty());
        minutes.add("uid", bucket(1, 2.0), 1);
        for second in 2..=60 {
            minutes.add("uid", bucket(second, 0.0), 0);
            minutes.tidy(|_| true);
            assert_eq!(seconds(&minutes.report(1)), [second]);
        }
        assert_eq!(seconds(&minutes.report(History::SECONDS)), (1..=60).collect::<Vec<_>>());
        minutes.add("uid", bucket(61, 0.0), 0);
        minutes.tidy(|_| true);
        assert!(minutes.loads.is_empty());
        assert_eq!(minutes.report(1).len(), 1, "an empty report says that nothing is held");
    }

    #[test]
    fn a_revision_that_is_gone_is_not_reported() {
        let mut minutes = Minutes::default();
        minutes.add("uid", bucket(1, 2.0), 1);
        minutes.tidy(|_| false);
        assert!(minutes.loads.is_empty());
    }
}
