//! Held against the order in which the ReplicaSet controller removes pods.

use proptest::prelude::*;

use super::*;

/// A pod, its load, and its place in the order of all that the controller looks at after the cost.
type Pod = (Candidate, Busy, u32);

fn pod(name: &str, in_flight: u32, cost: Option<i32>) -> Pod {
    (Candidate { name: name.into(), ready: true, cost }, Busy::With(in_flight), 0)
}

fn plan(pods: &[Pod], replicas: u32) -> Vec<Mark> {
    let candidates: Vec<Candidate> = pods.iter().map(|(candidate, ..)| candidate.clone()).collect();
    marks(&candidates, replicas, |candidate| pods.iter().find(|(known, ..)| known == candidate).expect("one of them").1)
}

fn write(pods: &mut [Pod], marks: &[Mark]) {
    for mark in marks {
        let (candidate, ..) = pods.iter_mut().find(|(known, ..)| known.name == mark.pod).expect("one of them");
        assert_ne!(candidate.cost, mark.cost, "a write that changes nothing");
        candidate.cost = mark.cost;
    }
}

/// What the controller removes, and what it keeps.
fn scale_in(mut pods: Vec<Pod>, replicas: u32) -> (Vec<Pod>, Vec<Pod>) {
    pods.sort_by_key(|(candidate, _, after)| (candidate.ready, candidate.cost.unwrap_or(0), *after));
    let kept = pods.split_off(pods.len().saturating_sub(replicas as usize));
    (pods, kept)
}

fn mark(pod: &str, cost: Option<i32>) -> Mark {
    Mark { pod: pod.into(), cost }
}

#[test]
fn the_idle_go_before_the_busy_one() {
    let pods = [pod("a", 3, None), pod("b", 0, None), pod("c", 0, None)];
    assert_eq!(plan(&pods, 1), [mark("b", Some(VICTIM)), mark("c", Some(VICTIM))]);
    assert_eq!(plan(&pods, 2), [mark("b", Some(VICTIM))]);
}

#[test]
fn nothing_is_written_to_choose_among_equals_or_when_nobody_goes() {
    let equal = ["a", "b", "c"].map(|name| pod(name, 2, None));
    assert_eq!(plan(&equal, 1), []);
    assert_eq!(plan(&[pod("a", 3, None), pod("b", 0, Some(VICTIM))], 2), [], "nobody goes");
    assert_eq!(plan(&[pod("a", 3, None), pod("b", 0, None)], 0), [], "all go");
    assert_eq!(plan(&[pod("a", 3, None), pod("b", 0, Some(VICTIM))], 1), [], "it is marked already");
}

#[test]
fn who_was_marked_and_stays_gets_its_own_cost_back() {
    let pods = [pod("a", 0, Some(100)), pod("b", 5, Some(VICTIM)), pod("c", 1, Some(100))];
    assert_eq!(plan(&pods, 2), [mark("b", Some(100)), mark("a", Some(VICTIM))]);
}

#[test]
fn a_pod_of_which_nothing_is_known_is_kept() {
    let mut pods = vec![pod("a", 9, None), pod("b", 0, None)];
    pods[1].1 = Busy::Unknown;
    assert_eq!(plan(&pods, 1), [mark("a", Some(VICTIM))]);
}

#[test]
fn the_writes_are_bounded() {
    let mut pods: Vec<Pod> = (0..200).map(|n| pod(&n.to_string(), 0, None)).collect();
    pods[7].1 = Busy::With(1);
    assert_eq!(plan(&pods, 1).len(), MARKS_MAX);
}

fn pods() -> impl Strategy<Value = Vec<Pod>> {
    let usual = prop_oneof![Just(None), Just(Some(100)), Just(Some(-7))];
    usual.prop_flat_map(|usual| {
        let one = (any::<bool>(), 0..6u32, proptest::bool::weighted(0.3), any::<u32>());
        proptest::collection::vec(one, 0..20).prop_map(move |pods| {
            let each = pods.into_iter().enumerate().map(|(n, (ready, load, marked, after))| {
                let busy = match load {
                    _ if !ready => Busy::Unready,
                    4 => Busy::Draining,
                    5 => Busy::Unknown,
                    in_flight => Busy::With(in_flight),
                };
                let cost = if marked { Some(VICTIM) } else { usual };
                (Candidate { name: format!("pod-{n}"), ready, cost }, busy, after)
            });
            each.collect()
        })
    })
}

proptest! {
    #[test]
    fn no_pod_goes_while_a_less_busy_one_stays(mut pods in pods(), replicas in 1..20u32) {
        let marks = plan(&pods, replicas);
        write(&mut pods, &marks);
        prop_assert_eq!(plan(&pods, replicas), [], "once written, nothing more");
        let (gone, kept) = scale_in(pods, replicas);
        let (busiest, calmest) = (gone.iter().map(|pod| pod.1).max(), kept.iter().map(|pod| pod.1).min());
        if let (Some(busiest), Some(calmest)) = (busiest, calmest) {
            prop_assert!(busiest <= calmest, "{:?} goes, {:?} stays", gone, kept);
        }
    }

    #[test]
    fn no_more_is_written_than_goes_and_was_marked(pods in pods(), replicas in 1..20u32) {
        let going = pods.len().saturating_sub(replicas as usize);
        let marked = pods.iter().filter(|(candidate, ..)| candidate.cost == Some(VICTIM)).count();
        prop_assert!(plan(&pods, replicas).len() <= going + marked);
    }
}
