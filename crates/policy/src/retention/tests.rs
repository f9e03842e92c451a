use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NOW: i64 = 10_000_000;

fn at(hours_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW - hours_ago * 3600).expect("a time")
}

fn now() -> Timestamp {
    at(0)
}

fn version(name: &str, created: i64, unrouted: Option<i64>, protected: bool) -> Version {
    Version { name: name.to_owned(), created: at(created), unrouted_since: unrouted.map(at), protected }
}

fn hours(count: u64) -> kube::core::Duration {
    Duration::from_hours(count).into()
}

fn retention(min: u32, max: u32) -> Retention {
    Retention { min: Some(min), max: Some(max), since_created: Some(hours(48)), since_unrouted: Some(hours(15)) }
}

#[test]
fn both_times_have_to_be_over() {
    let versions = [
        version("both", 49, Some(16), false),
        version("young", 47, Some(16), false),
        version("used", 90, Some(14), false),
        version("unnoted", 90, None, false),
    ];
    assert_eq!(retention(0, 100).surplus(&versions, now()), ["both"]);
}

#[test]
fn the_defaults_are_knatives() {
    let old: Vec<_> = (0..22).map(|n| version(&format!("v{n:02}"), 100 - n, Some(50 - n), false)).collect();
    assert_eq!(Retention::default().surplus(&old, now()), ["v00", "v01"]);
    let young: Vec<_> = (0..1003).map(|n| version(&format!("v{n:04}"), 1, Some(0), false)).collect();
    assert_eq!(Retention::default().surplus(&young, now()), ["v0000", "v0001", "v0002"]);
}

#[test]
fn a_bound_that_is_set_moves_the_other_that_is_not() {
    let few = Retention { max: Some(3), ..Retention::default() };
    let many = Retention { min: Some(2000), ..Retention::default() };
    assert_eq!((few.min(), few.max(), many.min(), many.max()), (3, 3, 2000, 2000));
}

#[test]
fn of_those_beyond_the_maximum_the_longest_unused_go_and_those_in_use_do_not_count() {
    let versions = [
        version("a", 9, Some(1), false),
        version("b", 8, Some(5), false),
        version("c", 7, None, true),
        version("d", 6, None, false),
    ];
    assert_eq!(retention(0, 2).surplus(&versions, now()), ["b"]);
    assert_eq!(retention(0, 0).surplus(&versions, now()), ["b", "a", "d"]);
}

fn versions() -> impl Strategy<Value = Vec<Version>> {
    let one = (0_i64..200, proptest::option::of(0_i64..100), any::<bool>());
    proptest::collection::vec(one, 0..40).prop_map(|all| {
        let named = all.into_iter().enumerate();
        named
            .map(|(n, (created, unrouted, protected))| version(&format!("v{n}"), created, unrouted, protected))
            .collect()
    })
}

fn retentions() -> impl Strategy<Value = Retention> {
    (0_u32..20, 0_u32..20, 0_u64..100, 0_u64..60).prop_map(|(min, more, created, unrouted)| Retention {
        min: Some(min),
        max: Some(min + more),
        since_created: Some(hours(created)),
        since_unrouted: Some(hours(unrouted)),
    })
}

proptest! {
    #[test]
    fn what_is_in_use_stays_and_the_rest_stays_within_its_bounds(all in versions(), rule in retentions()) {
        let going: BTreeSet<&str> = rule.surplus(&all, now()).into_iter().collect();
        let free: Vec<_> = all.iter().filter(|v| !v.protected).collect();
        let left = free.iter().filter(|v| !going.contains(v.name.as_str())).count();
        prop_assert!(all.iter().all(|v| !(v.protected && going.contains(v.name.as_str()))));
        prop_assert!(left >= rule.min().min(free.len()), "{left} left");
        prop_assert!(left <= rule.max(), "{left} left");
        // Within the maximum, age alone sends one away.
        if free.len() <= rule.max() {
            prop_assert!(free.iter().all(|v| !going.contains(v.name.as_str()) || rule.is_stale(v, now())));
        }
    }

    #[test]
    fn the_longest_unused_of_the_stale_go_first(all in versions(), rule in retentions()) {
        let going = rule.surplus(&all, now());
        let last_use = |name: &str| all.iter().find(|v| v.name == name).and_then(|v| v.unrouted_since);
        for one in all.iter().filter(|v| !v.protected && rule.is_stale(v, now()) && !going.contains(&v.name.as_str())) {
            let later = |name: &&&str| last_use(name) > one.unrouted_since;
            prop_assert_eq!(going.iter().find(later), None, "{:?} stays", one);
        }
    }

    #[test]
    fn what_is_left_stays_when_asked_again(all in versions(), rule in retentions()) {
        let going: Vec<String> = rule.surplus(&all, now()).into_iter().map(str::to_owned).collect();
        let left: Vec<Version> = all.into_iter().filter(|v| !going.contains(&v.name)).collect();
        prop_assert_eq!(rule.surplus(&left, now()), Vec::<&str>::new());
    }
}
