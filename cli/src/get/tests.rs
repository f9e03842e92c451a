use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::*;
use crate::args::Target;
use crate::world::{World, app, condition, pod, revision};

fn args(app: Option<&str>) -> Get {
    Get {
        app: app.map(str::to_owned),
        all_namespaces: false,
        watch: false,
        output: Output::Text,
        target: Target::default(),
    }
}

fn read<T: serde::de::DeserializeOwned>(objects: Vec<Value>) -> Vec<T> {
    objects.into_iter().map(|object| serde_json::from_value(object).expect("an object")).collect()
}

fn made(mut object: Value, at: &str) -> Value {
    object["metadata"]["creationTimestamp"] = at.into();
    object
}

/// An app in the middle of a release, with more pods than it should have, and an old revision that nobody asks for.
fn released() -> Vec<Node> {
    let mut shop = app("shop");
    shop["status"]["activity"] = "Serving".into();
    shop["status"]["replicas"] = 2.into();
    shop["status"]["traffic"] = serde_json::json!([
        { "revision": "shop-00002", "percent": 90, "tag": "v2" },
        { "revision": "shop-00003", "percent": 10 },
        { "revision": "shop-00003", "percent": 0, "tag": "candidate" },
    ]);
    shop["status"]["rollout"] = serde_json::json!({ "stable": "shop-00002", "candidate": "shop-00003",
        "phase": "Progressing", "percent": 10, "step": 2, "steps": 4, "stepUntil": "2026-05-03T12:30:00Z" });
    let mut third = revision("shop", 3);
    third["status"]["desired"] = 2.into();
    third["status"]["replicas"] = 1.into();
    let mut second = revision("shop", 2);
    second["status"]["desired"] = 1.into();
    second["status"]["replicas"] = 1.into();
    let mut broken = pod("shop", "shop-00003", "shop-00003-b");
    broken["status"]["containerStatuses"][1]["state"] =
        serde_json::json!({ "waiting": { "reason": "CrashLoopBackOff" } });
    broken["status"]["containerStatuses"][1]["restartCount"] = 3.into();
    broken["status"]["conditions"][0]["status"] = "False".into();
    let mut leaving = pod("shop", "shop-00002", "shop-00002-y");
    leaving["metadata"]["deletionTimestamp"] = "2026-05-03T11:59:59Z".into();
    let at = "2026-05-03T11:00:00Z";
    model::nodes(
        read(vec![made(shop, "2026-05-01T12:00:00Z")]),
        read(vec![made(revision("shop", 1), at), made(second, at), made(third, at)]),
        read(vec![
            made(broken, "2026-05-03T11:50:00Z"),
            made(pod("shop", "shop-00003", "shop-00003-a"), at),
            made(pod("shop", "shop-00002", "shop-00002-x"), at),
            made(leaving, "2026-05-03T11:30:00Z"),
            made(pod("other", "other-00001", "other-00001-a"), at),
        ]),
    )
}

fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().expect("a moment")
}

#[test]
fn a_release_is_a_tree_with_shares_tags_pods_and_where_it_stands() {
    let expected = "\
NAME                TRAFFIC  TAGS       PODS  STATUS                        AGE
shop                100 %               2     Ready, Serving                2d
│  http://shop.default.todoapp.local
│  release of shop-00003: Progressing until 2026-05-03 12:30:00 UTC, step 2 of 4, 10 % to it, the rest to shop-00002
├─ shop-00003       10 %     candidate  1/2   Ready                         60m
│  ├─ shop-00003-a                            Running, ready                60m
│  └─ shop-00003-b                            CrashLoopBackOff, 3 restarts  10m
└─ shop-00002       90 %     v2         1/1   Ready                         60m
   ├─ shop-00002-x                            Running, ready                60m
   └─ shop-00002-y                            Terminating, ready            30m
   … 1 more revision without traffic and pods
";
    let page = tree::render(&released(), false, now());
    assert_eq!(page, expected, "\n{page}");
}

#[test]
fn what_is_wrong_is_told_below_and_cut_where_it_is_long() {
    let mut shop = app("shop");
    let why = format!("revision 'shop-00001': {}", "x".repeat(200));
    shop["status"] = serde_json::json!({ "conditions": [condition("Ready", "False", "ImagePullBackOff", &why)] });
    let mut first = revision("shop", 1);
    first["status"]["conditions"] =
        serde_json::json!([condition("Ready", "False", "ImagePullBackOff", "no such image 'i'")]);
    let nodes = model::nodes(read(vec![shop, app("young")]), read(vec![first]), vec![]);
    let page = tree::render(&nodes, true, now());
    let expected = format!(
        "\
NAME           TRAFFIC  TAGS  PODS  STATUS            AGE
default/shop   0 %            0     ImagePullBackOff  -
│  ImagePullBackOff: revision 'shop-00001': {}…
└─ shop-00001  0 %      -     0/0   ImagePullBackOff  -
      ImagePullBackOff: no such image 'i'
default/young  0 %            0     Ready, Idle       -
   http://young.default.todoapp.local
",
        "x".repeat(118)
    );
    assert_eq!(page, expected, "\n{page}");
    assert_eq!(tree::render(&[], false, now()), "no TodoApp\n");
}

#[test]
fn of_many_pods_and_revisions_the_first_are_shown_and_the_rest_is_counted() {
    let pods = (0..25).map(|n| pod("shop", "shop-00001", &format!("shop-00001-{n:02}"))).collect();
    let nodes = model::nodes(read(vec![app("shop")]), read(vec![revision("shop", 1)]), read(pods));
    let page = tree::render(&nodes, false, now());
    assert!(
        page.ends_with("   ├─ shop-00001-19                       Running, ready  -\n   └─ … 5 more pods\n"),
        "{page}"
    );
    let many = |n: u32| {
        let mut revision = revision("shop", n);
        revision["status"]["desired"] = 1.into();
        revision
    };
    let nodes = model::nodes(read(vec![app("shop")]), read((1..=30).map(many).collect()), vec![]);
    let page = tree::render(&nodes, false, now());
    assert!(page.contains("└─ shop-00011 ") && page.ends_with("   … 10 more revisions\n"), "{page}");
    assert!(!page.contains("shop-00010"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn one_app_or_all_of_a_namespace_are_read_and_json_has_every_figure() {
    let world = World::new(vec![]);
    for name in ["shop", "user"] {
        world.make(&app(name));
        world.make(&revision(name, 1));
        world.make(&pod(name, &format!("{name}-00001"), &format!("{name}-00001-a")));
    }
    let mut elsewhere = app("far");
    elsewhere["metadata"]["namespace"] = "kube-system".into();
    world.make(&elsewhere);
    let got = async |args: Get| {
        let mut page = Vec::new();
        run(&world.session, &args, &mut page).await.map(|()| String::from_utf8(page).expect("text"))
    };
    let page = got(args(None)).await.expect("a page");
    assert!(page.contains("\nshop ") && page.contains("\nuser ") && !page.contains("far"), "{page}");
    let all = got(Get { all_namespaces: true, ..args(None) }).await.expect("a page");
    assert!(all.contains("\ndefault/shop ") && all.contains("\nkube-system/far "), "{all}");
    let json = got(Get { output: Output::Json, ..args(Some("user")) }).await.expect("a page");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["apps"].as_array().map(Vec::len), Some(1));
    let told = &json["apps"][0]["revisions"][0];
    assert_eq!((&told["percent"], &told["pods"][0]["ready"]), (&100.into(), &true.into()), "{json:#}");
    let error = got(args(Some("nobody"))).await.expect_err("unknown");
    assert_eq!(error, Error::NotFound("there is no TodoApp `nobody` in namespace `default`".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_watch_prints_anew_what_changed_and_nothing_for_what_did_not() {
    let world = World::new(vec![]);
    world.make(&app("shop"));
    world.make(&revision("shop", 1));
    let args = Get { watch: true, ..args(Some("shop")) };
    let mut page = Vec::new();
    let changes = async {
        sleep(Duration::from_secs(5)).await;
        world.say(&serde_json::json!({ "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
            "metadata": { "name": "shop", "namespace": "default" }, "status": { "activity": "Waking" } }));
        world.make(&pod("other", "other-00001", "other-00001-a"));
        sleep(Duration::from_secs(5)).await;
        world.make(&pod("shop", "shop-00001", "shop-00001-a"));
    };
    let watch = timeout(Duration::from_secs(20), follow::run(&world.session, &args, false, &mut page));
    let (watched, ()) = tokio::join!(watch, changes);
    assert!(watched.is_err(), "it goes on: {watched:?}");
    let pages = String::from_utf8(page).expect("text");
    let pages: Vec<_> = pages.split("NAME").skip(1).collect();
    assert_eq!(pages.len(), 3, "{pages:#?}");
    assert!(pages[0].contains("Ready, Idle"), "{}", pages[0]);
    assert!(pages[1].contains("Ready, Waking") && !pages[1].contains("shop-00001-a"), "{}", pages[1]);
    assert!(pages[2].contains("└─ shop-00001-a"), "{}", pages[2]);
}

#[tokio::test(start_paused = true)]
async fn on_a_terminal_a_page_takes_the_place_of_the_one_before() {
    let world = World::new(vec![]);
    world.make(&app("shop"));
    let (all, mut page) = (args(None), Vec::new());
    let watch = follow::run(&world.session, &all, true, &mut page);
    assert!(timeout(Duration::from_secs(1), watch).await.is_err(), "it goes on");
    let page = String::from_utf8(page).expect("text");
    assert!(page.starts_with("\x1b[H\x1b[2JNAME ") && page.matches("\x1b[2J").count() == 1, "{page:?}");
}
