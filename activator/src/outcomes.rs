//! What a revision did for users while a release of its app is under way: counted here, told to the hub each second.
//!
//! Every request that was routed to the revision counts, whichever way it came: with the head of its answer, whoever made
//! that, and once more as an error if the answer breaks afterwards, or gRPC's status at its end is one of the server's. A
//! client that left before the head is not counted.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::StatusCode;
use rollout::tally::{BUCKETS, Tally, Times, bucket};

/// The count of one revision; there only while it is asked for. No lock: each request adds to one or two numbers.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Which one it is of all that this process began.
    number: u64,
    errors: AtomicU64,
    cold_starts: AtomicU64,
    times: [AtomicU64; BUCKETS],
    /// Requests and errors that the hub was told of.
    told: AtomicU64,
}

impl Counts {
    /// Nothing yet.
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            errors: AtomicU64::new(0),
            cold_starts: AtomicU64::new(0),
            times: [const { AtomicU64::new(0) }; BUCKETS],
            told: AtomicU64::new(0),
        }
    }

    /// The head of an answer, so long after the request came; `held` says that it had to wait for a pod.
    pub(crate) fn answered(&self, status: StatusCode, after: Duration, held: bool) {
        let kind = if held { &self.cold_starts } else { &self.times[bucket(after)] };
        kind.fetch_add(1, Ordering::Relaxed);
        if status.is_server_error() {
            self.broke();
        }
    }

    /// A request that was counted turned out to be an error.
    pub(crate) fn broke(&self) {
        // Released after the request itself, so that nobody reads more errors than requests.
        self.errors.fetch_add(1, Ordering::Release);
    }

    /// Everything so far.
    fn tally(&self) -> Tally {
        let errors = self.errors.load(Ordering::Acquire);
        let cold_starts = self.cold_starts.load(Ordering::Relaxed);
        let times = Times::of(std::array::from_fn(|place| self.times[place].load(Ordering::Relaxed)));
        Tally { requests: cold_starts + times.total(), errors, cold_starts, times }
    }

    /// What the hub is to be told: everything on a new stream, otherwise only what it does not know yet.
    pub(crate) fn tell(&self, revision_uid: &str, replay: bool) -> Option<wire::Outcome> {
        let tally = self.tally();
        let sum = tally.requests + tally.errors;
        let news = self.told.swap(sum, Ordering::Relaxed) != sum;
        (news || replay).then(|| wire::Outcome { revision_uid: revision_uid.to_owned(), count: self.number, tally })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_counts_as_what() {
        let counts = Counts::new(7);
        counts.answered(StatusCode::OK, 5 * MS, false);
        counts.answered(StatusCode::NOT_FOUND, 5 * MS, false);
        counts.answered(StatusCode::BAD_GATEWAY, 90 * MS, false);
        counts.answered(StatusCode::GATEWAY_TIMEOUT, 9000 * MS, true);
        counts.broke();
        let mut times = Times::default();
        for took in [5, 5, 90] {
            times.record(took * MS);
        }
        assert_eq!(counts.tally(), Tally { requests: 4, errors: 3, cold_starts: 1, times });
    }

    #[test]
    fn only_news_is_told_but_for_a_new_stream() {
        let counts = Counts::new(7);
        assert_eq!(counts.tell("uid", false), None);
        let nothing = wire::Outcome { revision_uid: "uid".into(), count: 7, tally: Tally::default() };
        assert_eq!(counts.tell("uid", true), Some(nothing));
        counts.answered(StatusCode::OK, MS, false);
        assert_eq!(counts.tell("uid", false).unwrap().tally.requests, 1);
        assert_eq!(counts.tell("uid", false), None);
        counts.broke();
        assert_eq!(counts.tell("uid", false).unwrap().tally.errors, 1);
    }

    #[test]
    fn never_more_errors_than_requests_while_many_count() {
        let counts = Counts::new(1);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..100_000).for_each(|_| counts.answered(StatusCode::BAD_GATEWAY, MS, false)));
            }
            for _ in 0..1000 {
                let tally = counts.tally();
                assert!(tally.errors <= tally.requests, "{} of {}", tally.errors, tally.requests);
            }
        });
        assert_eq!((counts.tally().requests, counts.tally().errors), (200_000, 200_000));
    }
}
