//! How long the starts of one revision take, from the decision until all pods wanted are ready.

use std::time::Duration;

use scaling::Record;

/// What is assumed of a revision whose starts nobody has seen: by a new leader too.
const ASSUMED: Duration = Duration::from_secs(10);
/// The longest of so many is expected.
const KEPT: usize = 3;

/// The last starts.
#[derive(Debug, Clone, Default)]
pub struct Starts {
    began: Option<Duration>,
    /// Newest first.
    took: [Duration; KEPT],
}

impl Starts {
    /// Notes a decision. One start ends where all pods wanted so far are ready: what a ramp asks for then is another.
    /// None counts that is given up or took longer than `deadline`: the cluster had no room, which says nothing of the app.
    pub fn follow(&mut self, decision: &Record, deadline: Duration) {
        let Record { at, before, desired, ready, .. } = *decision;
        if ready >= before
            && let Some(took) = self.began.take().map(|began| at.saturating_sub(began))
            && took <= deadline
        {
            self.took.rotate_right(1);
            self.took[0] = took;
        }
        if desired < before || desired == 0 {
            self.began = None;
        } else if desired > before && desired > ready {
            self.began.get_or_insert(at);
        }
    }

    /// How long the next one is expected to take.
    pub fn expected(&self) -> Duration {
        self.took.into_iter().max().filter(|longest| !longest.is_zero()).unwrap_or(ASSUMED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaling::{Input, Scaler, Spec};

    const DEADLINE: Duration = Duration::from_mins(10);

    fn decision(at: u64, before: u32, desired: u32, ready: u32) -> Record {
        let record = Scaler::new(Spec::default()).decide(Duration::from_secs(at), Input::default()).record;
        Record { before, desired, ready, ..record }
    }

    /// A start of `pods` from nothing that takes so long.
    fn start(starts: &mut Starts, pods: u32, seconds: u64) {
        starts.follow(&decision(100, 0, pods, 0), DEADLINE);
        starts.follow(&decision(100 + seconds - 1, pods, pods, pods - 1), DEADLINE);
        starts.follow(&decision(100 + seconds, pods, pods, pods), DEADLINE);
    }

    #[test]
    fn the_longest_of_the_last_three_is_expected() {
        let mut starts = Starts::default();
        assert_eq!(starts.expected(), ASSUMED);
        let expected = [5, 20, 3, 4, 6].map(|seconds| {
            start(&mut starts, 3, seconds);
            starts.expected().as_secs()
        });
        assert_eq!(expected, [5, 20, 20, 20, 6]);
    }

    #[test]
    fn one_that_takes_longer_than_the_deadline_does_not_count() {
        let mut starts = Starts::default();
        start(&mut starts, 1, 601);
        assert_eq!(starts.expected(), ASSUMED);
        start(&mut starts, 1, 600);
        assert_eq!(starts.expected(), DEADLINE);
    }

    #[test]
    fn a_ramp_is_as_many_starts_as_it_has_steps() {
        let mut starts = Starts::default();
        for (pods, at) in (0..20).zip((100..).step_by(8)) {
            starts.follow(&decision(at, pods, pods + 1, pods), DEADLINE);
        }
        assert_eq!(starts.expected().as_secs(), 8);
    }

    #[test]
    fn a_start_that_grows_is_one_start() {
        let mut starts = Starts::default();
        starts.follow(&decision(100, 0, 1, 0), DEADLINE);
        starts.follow(&decision(104, 1, 3, 0), DEADLINE);
        starts.follow(&decision(107, 3, 3, 3), DEADLINE);
        assert_eq!(starts.expected().as_secs(), 7);
    }

    #[test]
    fn one_that_is_given_up_and_a_pod_that_fails_later_say_nothing() {
        let mut starts = Starts::default();
        starts.follow(&decision(100, 0, 3, 0), DEADLINE);
        starts.follow(&decision(106, 3, 1, 1), DEADLINE);
        starts.follow(&decision(108, 1, 1, 1), DEADLINE);
        starts.follow(&decision(110, 1, 1, 0), DEADLINE);
        starts.follow(&decision(300, 1, 1, 1), DEADLINE);
        assert_eq!(starts.expected(), ASSUMED);
    }
}
