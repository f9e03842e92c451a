use proptest::prelude::*;
use tokio::time::advance;

use super::*;

/// So many requests since the count began, each a failed one.
fn outcome(count: u64, requests: u64) -> Outcome {
    let mut tally = Tally { requests, errors: requests, ..Tally::default() };
    for _ in 0..requests {
        tally.times.record(Duration::from_millis(3));
    }
    Outcome { revision_uid: "uid".into(), count, tally }
}

fn requests(outcomes: &Outcomes) -> u64 {
    let sum = outcomes.of("uid");
    assert_eq!((sum.errors, sum.times.total()), (sum.requests, sum.requests), "all of it is added alike");
    sum.requests
}

proptest! {
    /// Two activators, streams that break, words that come twice or late. Under the leader that was there from the
    /// beginning the sum is that of both; one that took over knows what came after each one's first word.
    #[test]
    fn the_sum_is_of_what_was_counted_under_this_leader(
        steps in prop::collection::vec((0usize..2, 0u64..50, 0usize..4), 1..40),
        before in 0u64..100,
    ) {
        for (took_over, hidden) in [(false, 0), (true, 2 * before)] {
            let leader = Outcomes::default();
            let mut voices = ["a", "b"].map(|pod| leader.join(pod, 1));
            let mut counted = [before; 2];
            for voice in &voices {
                voice.hear(took_over, &[outcome(7, before)]);
            }
            for (activator, more, event) in &steps {
                counted[*activator] += more;
                let now = outcome(7, counted[*activator]);
                let voice = &mut voices[*activator];
                voice.hear(false, std::slice::from_ref(&now));
                match event {
                    0 => voice.hear(false, &[now]),
                    1 => voice.hear(false, &[outcome(7, counted[*activator] - more)]),
                    2 => {
                        *voice = leader.join(["a", "b"][*activator], 1);
                        voice.hear(true, &[now]);
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(requests(&leader), counted.iter().sum::<u64>() - hidden);
        }
    }
}

#[test]
fn a_count_or_process_that_began_anew_is_another_one() {
    let outcomes = Outcomes::default();
    let voice = outcomes.join("a", 1);
    voice.hear(false, &[outcome(1, 10)]);
    voice.hear(false, &[outcome(2, 3)]);
    assert_eq!(requests(&outcomes), 13);
    let restarted = outcomes.join("a", 2);
    restarted.hear(true, &[outcome(2, 1)]);
    assert_eq!(requests(&outcomes), 13, "nobody knows who heard of it");
    restarted.hear(false, &[outcome(2, 5)]);
    assert_eq!(requests(&outcomes), 17);
}

#[tokio::test(start_paused = true)]
async fn revisions_and_activators_that_are_gone_are_dropped() {
    let outcomes = Outcomes::default();
    let (voice, other) = (outcomes.join("a", 1), outcomes.join("b", 1));
    voice.hear(false, &[outcome(1, 10)]);
    other.hear(false, &[outcome(1, 5)]);
    drop(outcomes.join("a", 1));
    advance(LOST_KEPT).await;
    outcomes.retain(|_| true);
    assert_eq!(outcomes.state.lock().activators.len(), 2, "its other stream lives");
    drop(voice);
    advance(LOST_KEPT / 2).await;
    outcomes.retain(|_| true);
    assert_eq!(outcomes.state.lock().activators.len(), 2, "it may dial again");
    advance(LOST_KEPT).await;
    outcomes.retain(|_| true);
    assert_eq!(outcomes.state.lock().activators.len(), 1);
    assert_eq!(outcomes.state.lock().revisions["uid"].told.len(), 1);
    assert_eq!(requests(&outcomes), 15, "what it did is done");
    outcomes.retain(|uid| uid != "uid");
    assert_eq!(requests(&outcomes), 0);
    assert!(outcomes.state.lock().revisions.is_empty());
}

#[test]
fn there_is_a_bound_on_revisions() {
    let outcomes = Outcomes::default();
    let voice = outcomes.join("a", 1);
    let of = |number: usize| Outcome { revision_uid: format!("uid-{number}"), ..outcome(1, 1) };
    (0..=REVISIONS_MAX).for_each(|number| voice.hear(false, &[of(number)]));
    assert_eq!(outcomes.of(&format!("uid-{}", REVISIONS_MAX - 1)).requests, 1);
    assert_eq!(outcomes.of(&format!("uid-{REVISIONS_MAX}")).requests, 0);
    voice.hear(false, &[Outcome { revision_uid: "uid-0".into(), ..outcome(1, 2) }]);
    assert_eq!(outcomes.of("uid-0").requests, 2);
}
