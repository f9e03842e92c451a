use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::args::Target;
use crate::world::{World, app, revision};

fn args(shares: &[&str], latest: Option<u32>, tags: &[&str], untags: &[&str]) -> Traffic {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    Traffic {
        app: "user".to_owned(),
        shares: owned(shares),
        latest,
        tags: owned(tags),
        untags: owned(untags),
        output: Output::Text,
        target: Target::default(),
    }
}

fn target(revision: &str, percent: u32, tag: Option<&str>) -> TrafficTarget {
    let latest = revision == "latest";
    TrafficTarget {
        revision: (!latest).then(|| revision.to_owned()),
        latest: latest.then_some(true),
        percent,
        tag: tag.map(str::to_owned),
    }
}

fn applied(args: &Traffic, old: &[TrafficTarget]) -> Result<Vec<TrafficTarget>, String> {
    Wish::read(args)?.applied(old)
}

#[test]
fn shares_replace_those_before_and_tags_stay() {
    let old = [target("user-v1", 100, Some("v1")), target("latest", 0, Some("next"))];
    let new = applied(&args(&["user-v1=50", "user-v2=50%"], None, &["user-v2=v2"], &[]), &old);
    let expected =
        vec![target("user-v1", 50, Some("v1")), target("user-v2", 50, Some("v2")), target("latest", 0, Some("next"))];
    assert_eq!(new, Ok(expected));
    let back = applied(&args(&[], Some(100), &[], &["next"]), &old);
    assert_eq!(back, Ok(vec![target("latest", 100, None), target("user-v1", 0, Some("v1"))]));
}

#[test]
fn tags_alone_leave_the_shares_and_may_move_and_be_several() {
    let one = applied(&args(&[], None, &["user-v1=v1", "user-v1=old"], &[]), &[]);
    let expected =
        vec![target("latest", 100, None), target("user-v1", 0, Some("old")), target("user-v1", 0, Some("v1"))];
    assert_eq!(one, Ok(expected.clone()));
    let moved = applied(&args(&[], None, &["user-v2=v1"], &[]), &expected);
    let expected =
        vec![target("latest", 100, None), target("user-v1", 0, Some("old")), target("user-v2", 0, Some("v1"))];
    assert_eq!(moved, Ok(expected));
}

#[test]
fn what_is_wrong_is_named() {
    for (args, expected) in [
        (args(&["user-v1=50", "user-v2=40"], None, &[], &[]), "the shares together are 90: they must be 100"),
        (args(&["user-v1=50"], Some(60), &[], &[]), "the shares together are 110: they must be 100"),
        (args(&["user-v1=many"], None, &[], &[]), "`user-v1=many`: the percent must be a whole number from 0 to 100"),
        (args(&["user-v1=101"], None, &[], &[]), "`user-v1=101`: the percent must be a whole number from 0 to 100"),
        (args(&["user-v1"], None, &[], &[]), "`user-v1` must be REVISION=PERCENT, such as user-v1=50"),
        (args(&["a=50", "a=50"], None, &[], &[]), "`a` is given twice: a revision must have one share"),
        (args(&[], None, &["=v1"], &[]), "`=v1` must be REVISION=TAG, such as user-v1=v1"),
        (args(&[], None, &["a=t", "b=t"], &[]), "tag `t` is given twice: a tag must name one revision"),
        (args(&[], None, &["a=t"], &["t"]), "tag `t` is given and taken away: it must be one of the two"),
        (args(&[], None, &[], &["t"]), "there is no tag `t` to take away; there is `v1`"),
    ] {
        assert_eq!(applied(&args, &[target("a", 100, Some("v1"))]), Err(expected.to_owned()));
    }
}

fn targets() -> impl Strategy<Value = Vec<TrafficTarget>> {
    let name = prop_oneof![Just("latest"), Just("a"), Just("b"), Just("c")];
    let part = (name, 0..100u32, proptest::option::of("[t-w]"));
    proptest::collection::vec(part, 0..5).prop_map(|parts| {
        let mut left = 100;
        let mut targets: Vec<TrafficTarget> = Vec::new();
        let count = parts.len();
        for (n, (name, wish, tag)) in parts.into_iter().enumerate() {
            let percent = if n + 1 == count { left } else { wish.min(left) };
            left -= percent;
            let tag = tag.filter(|tag| targets.iter().all(|known| known.tag.as_ref() != Some(tag)));
            targets.push(target(name, percent, tag.as_deref()));
        }
        targets
    })
}

proptest! {
    /// What the CRD demands: percents are 100 together, tags are given once, and each target names one thing.
    #[test]
    fn whatever_is_asked_for_is_a_split_that_the_crd_takes(
        old in targets(), percent in proptest::option::of(0..=100u32), tag in proptest::option::of("[t-w]"),
    ) {
        let shares = percent.map(|percent| vec![format!("a={percent}"), format!("b={}", 100 - percent)]);
        let tags = tag.map(|tag| vec![format!("c={tag}")]);
        let wish = Traffic {
            shares: shares.unwrap_or_default(), tags: tags.unwrap_or_default(), ..args(&[], None, &[], &[])
        };
        let new = applied(&wish, &old).expect("a split");
        prop_assert_eq!(new.iter().map(|target| target.percent).sum::<u32>(), 100);
        let mut tags: Vec<_> = new.iter().filter_map(|target| target.tag.clone()).collect();
        let kept = old.iter().filter_map(|target| target.tag.clone()).all(|tag| tags.contains(&tag));
        prop_assert!(kept, "{:?}", new);
        tags.sort();
        tags.dedup();
        prop_assert_eq!(tags.len(), new.iter().filter(|target| target.tag.is_some()).count());
        prop_assert!(new.iter().all(|target| target.revision.is_some() != (target.latest == Some(true))));
        prop_assert_eq!(applied(&wish, &new), Ok(new.clone()), "asked for again it is the same");
    }
}

async fn told(world: &World, args: &Traffic) -> Result<String, Error> {
    let mut page = Vec::new();
    run(&world.session, args, &mut page).await.map(|()| String::from_utf8(page).expect("text"))
}

#[tokio::test(start_paused = true)]
async fn the_split_is_written_as_one_field_and_shown_with_its_urls() {
    let world = World::new(vec![]);
    let mut user = app("user");
    user["status"]["traffic"] = json!([
        { "revision": "user-00001", "percent": 100 },
        { "revision": "user-00002", "percent": 0, "tag": "next", "url": "http://next-user.default.todoapp.local" },
    ]);
    world.make(&user);
    world.make(&revision("user", 1));
    world.make(&revision("user", 2));
    let expected = "\
REVISION    PERCENT  TAG   URL
user-00001  100      -     http://user.default.todoapp.local
user-00002  0        next  http://next-user.default.todoapp.local
";
    assert_eq!(told(&world, &args(&[], None, &[], &[])).await, Ok(expected.to_owned()));
    let json = told(&world, &Traffic { output: Output::Json, ..args(&[], None, &[], &[]) }).await.expect("JSON");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["app"], &json["traffic"][1]["tag"]), (&"user".into(), &"next".into()));
    let wish = args(&["user-00001=90", "user-00002=10"], None, &["user-00002=next"], &[]);
    let expected = "\
REVISION    PERCENT  TAG
user-00001  90       -
user-00002  10       next
";
    assert_eq!(told(&world, &wish).await, Ok(expected.to_owned()));
    let stored = world.server.local("a").get(("todoapp.dev/v1alpha1", "TodoApp"), "default", "user").expect("there");
    let wanted = json!([
        { "revision": "user-00001", "percent": 90 }, { "revision": "user-00002", "percent": 10, "tag": "next" } ]);
    assert_eq!(stored["spec"]["traffic"], wanted);
    assert_eq!(world.server.writes(|record| record.manager.as_deref() == Some("todoapp-cli")), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_revision_is_named_with_those_that_there_are_and_nothing_is_written() {
    let world = World::new(vec![]);
    world.make(&app("user"));
    world.make(&revision("user", 1));
    world.make(&revision("user", 2));
    let told = told(&world, &args(&["user-v9=100"], None, &[], &[])).await;
    let expected = "TodoApp `user` has no revision `user-v9`; there is `user-00002`, `user-00001`";
    assert_eq!(told, Err(Error::NotFound(expected.to_owned())));
    assert_eq!(world.server.writes(|record| record.manager.as_deref() == Some("todoapp-cli")), 0);
}
