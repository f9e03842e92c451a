//! Pods that start, answer and end: each takes so many requests at a time, and each request takes the same time, so
//! what began first is over first.

use std::collections::{BTreeMap, VecDeque};

use super::simulation::Micros;

/// Which pod; a younger one has a greater number.
type Id = u64;

/// All pods.
#[derive(Debug)]
pub struct Pods {
    places: u32,
    /// When each will take requests.
    starting: VecDeque<(Micros, Id)>,
    /// Requests in each that takes requests.
    ready: BTreeMap<Id, u32>,
    /// Requests in each that takes no further ones.
    ending: BTreeMap<Id, u32>,
    /// When each request will be answered, and by whom.
    running: VecDeque<(Micros, Id)>,
    last: Id,
}

impl Pods {
    /// `ready` pods for `places` requests at a time each.
    pub fn new(ready: u32, places: u32) -> Self {
        Self {
            places,
            starting: VecDeque::new(),
            ready: (1..=ready.into()).map(|id| (id, 0)).collect(),
            ending: BTreeMap::new(),
            running: VecDeque::new(),
            last: ready.into(),
        }
    }

    /// Those that take requests.
    pub fn ready(&self) -> u32 {
        self.ready.len() as u32
    }

    /// Those that are to stay, starting ones included.
    pub fn staying(&self) -> u32 {
        (self.ready.len() + self.starting.len()) as u32
    }

    /// Those that run, the starting and the ending ones included.
    pub fn all(&self) -> u64 {
        (self.ready.len() + self.starting.len() + self.ending.len()) as u64
    }

    /// Whether any measures load.
    pub fn measure(&self) -> bool {
        !self.ready.is_empty() || !self.ending.is_empty()
    }

    /// Requests in them.
    pub fn in_flight(&self) -> u64 {
        self.running.len() as u64
    }

    /// When a request is answered or a pod gets ready next.
    pub fn next_event(&self) -> Option<Micros> {
        let [answer, start] = [&self.running, &self.starting].map(|queue| queue.front().map(|(at, _)| *at));
        answer.into_iter().chain(start).min()
    }

    /// What is so at `now`; gives how many requests were answered.
    pub fn pass(&mut self, now: Micros) -> u64 {
        let before = self.running.len();
        while let Some((_, id)) = self.running.pop_front_if(|(at, _)| *at <= now) {
            self.answered(id);
        }
        while let Some((_, id)) = self.starting.pop_front_if(|(at, _)| *at <= now) {
            self.ready.insert(id, 0);
        }
        (before - self.running.len()) as u64
    }

    fn answered(&mut self, id: Id) {
        if let Some(requests) = self.ready.get_mut(&id) {
            *requests -= 1;
        } else if let Some(requests) = self.ending.get_mut(&id) {
            *requests -= 1;
            if *requests == 0 {
                self.ending.remove(&id);
            }
        }
    }

    /// The least busy pod takes a request that will be answered at `answer`; false when all are full.
    pub fn take(&mut self, answer: Micros) -> bool {
        let least = self.ready.iter_mut().min_by_key(|(_, requests)| **requests);
        let Some((id, requests)) = least.filter(|(_, requests)| **requests < self.places) else { return false };
        *requests += 1;
        self.running.push_back((answer, *id));
        true
    }

    /// As many as wanted stay: further ones will take requests at `ready_at`; the youngest go first, as a ReplicaSet
    /// has it, and those that are busy finish what they have.
    pub fn scale(&mut self, wanted: u32, ready_at: Micros) {
        while self.staying() < wanted {
            self.last += 1;
            self.starting.push_back((ready_at, self.last));
        }
        while self.staying() > wanted {
            if self.starting.pop_back().is_none()
                && let Some((id, requests @ 1..)) = self.ready.pop_last()
            {
                self.ending.insert(id, requests);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_busy_takes_a_request_until_all_are_full() {
        let mut pods = Pods::new(2, 2);
        assert_eq!([1, 2, 3, 4, 5].map(|answer| pods.take(answer)), [true, true, true, true, false]);
        assert_eq!(pods.ready.values().collect::<Vec<_>>(), [&2, &2]);
        assert_eq!(pods.pass(2), 2);
        assert_eq!(pods.ready.values().collect::<Vec<_>>(), [&1, &1], "each had one of the first two");
    }

    #[test]
    fn those_that_start_go_first_and_one_that_is_busy_finishes_what_it_has() {
        let mut pods = Pods::new(2, 1);
        assert!(pods.take(10) && pods.take(20));
        pods.scale(3, 15);
        assert_eq!((pods.staying(), pods.all(), pods.next_event()), (3, 3, Some(10)));
        pods.scale(1, 15);
        assert_eq!((pods.ready(), pods.staying(), pods.all()), (1, 1, 2), "the busy one runs on");
        assert_eq!((pods.pass(19), pods.all(), pods.take(30), pods.take(31)), (1, 2, true, false));
        assert_eq!((pods.pass(20), pods.all()), (1, 1));
    }

    #[test]
    fn a_pod_takes_requests_when_its_start_is_over() {
        let mut pods = Pods::new(0, 1);
        pods.scale(1, 15);
        assert_eq!((pods.pass(14), pods.ready(), pods.take(20), pods.measure()), (0, 0, false, false));
        assert_eq!((pods.pass(15), pods.ready(), pods.take(20), pods.measure()), (0, 1, true, true));
    }
}
