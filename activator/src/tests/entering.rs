use http::HeaderMap;
use proxy::headers::{Begin, Entry};
use serde_json::json;

use super::world::{Answer, Bounds, Pod, World, answer, call};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// An app with a pod, behind an activator that takes requests in like this.
fn world(entry: Entry) -> (World, Pod) {
    let mut world = World::with(&Bounds { entry, ..Bounds::default() });
    let status = json!({
        "url": "http://user.default.test", "traffic": [{"revision": "user-v1", "percent": 100}],
    });
    world.app("user", json!({}), &status);
    world.revision("user", "user-v1", 0);
    let pod = Pod::new("v1");
    world.up("uid-user-v1", pod.address);
    (world, pod)
}

async fn send(world: &World, lines: &str) -> Answer {
    answer(call(world.public, "user.default.test", "/", &format!("{lines}\r\n")).await).await
}

fn all(head: &HeaderMap, name: &str) -> Vec<String> {
    head.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_app_sees_where_a_request_has_been_and_its_trace() {
    let (world, pod) = world(Entry::default());
    send(&world, "").await;
    send(
        &world,
        &format!("via: 2 edge\r\ntraceparent: {TRACE}\r\ntracestate: a=b\r\nconnection: via, traceparent\r\n"),
    )
    .await;
    let heads = pod.heads.lock();
    assert_eq!(all(&heads[0], "via"), ["1.1 todoapp"]);
    assert_eq!(all(&heads[1], "via"), ["2 edge", "1.1 todoapp"]);
    let begun = all(&heads[0], "traceparent").concat();
    assert!(begun.len() == TRACE.len() && begun.ends_with("-00"), "{begun}");
    assert_eq!(
        (all(&heads[1], "traceparent").concat(), all(&heads[1], "tracestate").concat()),
        (TRACE.into(), "a=b".into())
    );
}

#[tokio::test]
async fn a_request_that_runs_in_a_circle_is_refused_before_it_wakes_anything() {
    let (mut world, pod) = world(Entry { traces: Begin::Never, ..Entry::default() });
    // Nothing runs of this one.
    world.revision("user", "user-v2", 0);
    let status = json!({
        "url": "http://user.default.test", "traffic": [{"revision": "user-v2", "percent": 100}],
    });
    world.app("user", json!({}), &status);
    let refused = send(&world, "via: 1.1 todoapp, 1.1 todoapp, 1.1 todoapp\r\nvia: 1.1 todoapp, 2 todoapp\r\n").await;
    assert_eq!((refused.status, refused.header("todoapp-error")), (508, "loop"));
    assert_eq!(pod.count(), 0);
    let held = call(world.public, "user.default.test", "/", "").await;
    // The first that the hub hears of is the second request.
    world.demand("uid-user-v2", 1).await;
    drop(held);
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed() {
    let said = "x-forwarded-for: 9.9.9.9\r\nx-forwarded-proto: https\r\nx-real-ip: 9.9.9.9\r\n";
    for (network, expected) in
        [("127.0.0.0/8", ["9.9.9.9, 127.0.0.1", "https", "9.9.9.9"]), ("10.0.0.0/8", ["127.0.0.1", "http", ""])]
    {
        let (world, pod) = world(Entry { trusted: vec![network.parse().unwrap()], traces: Begin::Never });
        send(&world, said).await;
        let heads = pod.heads.lock();
        let seen = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip"].map(|name| all(&heads[0], name).concat());
        assert_eq!(seen, expected, "{network}");
        assert!(!heads[0].contains_key("traceparent"));
    }
}
