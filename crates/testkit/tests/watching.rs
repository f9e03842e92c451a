//! Watches through kube's own watcher: what it must survive.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;
use support::{pod, server};
use testkit::api_server::Verb;
use testkit::api_server::faults::{Effect, Fault};
use testkit::{ApiServer, Delay};
use tokio::time::{Instant, sleep};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A store that follows all pods, as a controller has it.
fn follow(client: Client, config: Config) -> Store<Pod> {
    let (store, writer) = reflector::store();
    tokio::spawn(async move {
        let changes = watcher(Api::<Pod>::all(client), config).default_backoff().reflect(writer);
        changes.for_each(|_| async {}).await;
    });
    store
}

fn names(store: &Store<Pod>) -> Vec<String> {
    let mut names: Vec<_> = store.state().iter().map(|pod| pod.name_any()).collect();
    names.sort();
    names
}

async fn create(server: &ApiServer, name: &str) {
    let api: Api<Pod> = Api::default_namespaced(server.client("test", "default"));
    api.create(&PostParams::default(), &pod(name, None)).await.expect("made");
}

async fn delete(server: &ApiServer, name: &str) {
    let api: Api<Pod> = Api::default_namespaced(server.client("test", "default"));
    api.delete(name, &DeleteParams::default()).await.expect("deleted");
}

fn count(server: &ApiServer, verb: Verb) -> usize {
    server.log().iter().filter(|record| record.verb == verb && record.user == "follower").count()
}

#[tokio::test(start_paused = true)]
async fn a_store_follows_what_happens() {
    let server = server(1);
    create(&server, "a").await;
    let store = follow(server.client("follower", "default"), Config::default().page_size(1));
    sleep(seconds(1)).await;
    create(&server, "b").await;
    delete(&server, "a").await;
    sleep(seconds(1)).await;
    assert_eq!(names(&store), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn broken_watches_are_resumed_without_a_list() {
    let server = server(1);
    let store = follow(server.client("follower", "default"), Config::default());
    sleep(seconds(1)).await;
    for name in ["a", "b", "c"] {
        server.break_watches();
        create(&server, name).await;
        sleep(seconds(40)).await;
    }
    assert_eq!(names(&store), ["a", "b", "c"]);
    assert_eq!((count(&server, Verb::List), count(&server, Verb::Watch)), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn history_that_is_gone_makes_the_watcher_list_anew() {
    let server = server(1);
    create(&server, "a").await;
    let store = follow(server.client("follower", "default"), Config::default());
    sleep(seconds(1)).await;
    server.add_fault(Fault::new(Effect::Away).during(seconds(1), seconds(30)).user("follower"));
    delete(&server, "a").await;
    create(&server, "b").await;
    server.compact();
    sleep(seconds(120)).await;
    assert_eq!(names(&store), ["b"]);
    assert_eq!(count(&server, Verb::List), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_saves_the_list_after_a_quiet_time() {
    let server = server(1);
    create(&server, "a").await;
    let store = follow(server.client("follower", "default"), Config::default());
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client("test", "default"));
    for number in 0..5 {
        let map = json!({ "metadata": { "name": format!("m{number}") } });
        maps.create(&PostParams::default(), &serde_json::from_value(map).expect("a map")).await.expect("made");
    }
    sleep(seconds(90)).await;
    server.compact();
    server.break_watches();
    sleep(seconds(40)).await;
    create(&server, "b").await;
    sleep(seconds(1)).await;
    assert_eq!(names(&store), ["a", "b"]);
    assert_eq!(count(&server, Verb::List), 1);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_by_itself_and_is_resumed() {
    let server = server(1);
    let store = follow(server.client("follower", "default"), Config::default().timeout(10));
    sleep(seconds(35)).await;
    create(&server, "a").await;
    sleep(seconds(1)).await;
    assert_eq!(names(&store), ["a"]);
    assert_eq!((count(&server, Verb::List), count(&server, Verb::Watch)), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn a_streamed_list_is_served() {
    let server = server(1);
    create(&server, "a").await;
    let store = follow(server.client("follower", "default"), Config::default().streaming_lists());
    store.wait_until_ready().await.expect("ready");
    create(&server, "b").await;
    sleep(seconds(1)).await;
    assert_eq!(names(&store), ["a", "b"]);
    assert_eq!(count(&server, Verb::List), 0);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_a_selector_is_gone_for_it() {
    let server = server(1);
    let api: Api<Pod> = Api::default_namespaced(server.client("test", "default"));
    create(&server, "a").await;
    let config = Config::default().labels("team=x");
    let mut events = watcher(Api::<Pod>::all(server.client("follower", "default")), config).boxed();
    let mut seen = BTreeMap::new();
    for team in ["x", "x", "y"] {
        let patch = json!({ "metadata": { "labels": { "team": team }, "annotations": { "n": team } } });
        api.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await.expect("patched");
        while let Ok(Ok(Some(event))) = tokio::time::timeout(seconds(1), events.try_next()).await {
            let kind = match event {
                Event::Init | Event::InitDone => continue,
                Event::InitApply(_) | Event::Apply(_) => "there",
                Event::Delete(_) => "gone",
            };
            *seen.entry(kind).or_insert(0) += 1;
        }
    }
    assert_eq!(seen, BTreeMap::from([("there", 1), ("gone", 1)]), "the second patch changes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_version_from_the_future_is_refused() {
    let server = server(1);
    let api: Api<Pod> = Api::default_namespaced(server.client("test", "default"));
    let answer = api.watch(&WatchParams::default(), "999").await;
    assert!(matches!(answer.err(), Some(kube::Error::Api(status)) if status.code == 504));
    let mut events = api.watch(&WatchParams::default().timeout(1), "0").await.expect("a watch").boxed();
    assert!(!matches!(events.try_next().await.expect("no error"), Some(WatchEvent::Error(_))));
}

#[tokio::test(start_paused = true)]
async fn a_late_watch_tells_everything_in_order_and_late() {
    let server = server(1);
    server.add_fault(Fault::new(Effect::LagWatch(seconds(3))));
    let store = follow(server.client("follower", "default"), Config::default());
    sleep(seconds(1)).await;
    create(&server, "a").await;
    sleep(seconds(1)).await;
    create(&server, "b").await;
    let written = Instant::now();
    sleep(Duration::from_millis(1_900)).await;
    assert_eq!(names(&store), Vec::<String>::new());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(names(&store), ["a"]);
    sleep(seconds(3).saturating_sub(written.elapsed()) + Duration::from_millis(10)).await;
    assert_eq!(names(&store), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_comes_through_a_bad_hour() {
    let server = server(1);
    let during = |effect| Fault::new(effect).during(seconds(0), seconds(3_600)).user("follower");
    server.add_fault(during(Effect::InternalError).chance(0.2));
    server.add_fault(during(Effect::TooManyRequests(seconds(1))).chance(0.2));
    server.add_fault(during(Effect::Timeout(seconds(30))).chance(0.05));
    server.add_fault(during(Effect::LoseAnswer).chance(0.05));
    server.add_fault(during(Effect::Slow(Delay::Tail { median: Duration::from_millis(20), p99: seconds(2) })));
    server.add_fault(during(Effect::BreakWatch(Delay::between_ms(100, 60_000))));
    server.add_fault(Fault::new(Effect::Away).during(seconds(900), seconds(1_200)).user("follower"));
    let store = follow(server.client("follower", "default"), Config::default());
    for number in 0..600 {
        create(&server, &format!("p{number}")).await;
        if number >= 3 {
            delete(&server, &format!("p{}", number - 3)).await;
        }
        if number % 100 == 50 {
            server.compact();
        }
        sleep(seconds(6)).await;
    }
    sleep(seconds(120)).await;
    assert_eq!(names(&store), ["p597", "p598", "p599"]);
    assert!(count(&server, Verb::List) > 1 && count(&server, Verb::Watch) > 50);
}
