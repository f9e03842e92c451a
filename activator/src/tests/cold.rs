//! What is told of a cold start.

use serde_json::Value;

use super::{
    watching::until,
    world::{Pod, World, Written, answer, call, log, nobody},
};

const HOST: &str = "web.default.test";

fn cold_starts(log: &Written) -> Vec<Value> {
    log.lines().into_iter().filter(|line| line["message"] == "cold start").collect()
}

#[tokio::test]
async fn one_line_with_every_part_when_the_first_request_has_its_answer() {
    let (log, _guard) = log();
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let (first, second) = (call(world.public, HOST, "/", "").await, call(world.public, HOST, "/", "").await);
    world.demand(&uid, 2).await;
    world.desired(&uid, 1);
    let pod = Pod::with_permits("a", 0);
    world.up(&uid, pod.address);
    pod.arrival().await;
    assert!(cold_starts(&log).is_empty(), "it is not over");
    pod.permits.add_permits(2);
    for client in [first, second] {
        assert_eq!(answer(client).await.status, 200);
    }
    let [line] = &cold_starts(&log)[..] else { panic!("one line: {:?}", cold_starts(&log)) };
    for (name, value) in [("namespace", "default"), ("app", "web"), ("revision", "web-1"), ("result", "ready")] {
        assert_eq!(line[name], value, "{line}");
    }
    assert_eq!((&line["held"], &line["status"]), (&2.into(), &200.into()));
    let times = ["told_ms", "scaled_ms", "wake_ms", "released_ms", "answered_ms"];
    let times = times.map(|name| line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}")));
    assert!(times.is_sorted() && times[4] > 0.0, "{line}");
    for phase in ["demand", "scale", "pod", "wake"] {
        let count = world.metric(&format!("todoapp_cold_start_phase_seconds_count{{phase=\"{phase}\"}}"));
        assert_eq!(count.as_deref(), Some("1"), "{phase}");
    }
    assert_eq!(world.metric("todoapp_holds_total{result=\"released\"}").as_deref(), Some("2"));
}

#[tokio::test]
async fn a_start_that_nobody_waited_for_to_the_end() {
    let (log, _guard) = log();
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    drop(client);
    world.demand(&uid, 0).await;
    let [line] = &cold_starts(&log)[..] else { panic!("one line: {:?}", cold_starts(&log)) };
    assert_eq!(line["result"], "departed");
    assert!(line.get("released_ms").is_none() && line["told_ms"].is_f64(), "{line}");
    assert_eq!(world.metric("todoapp_holds_total{result=\"departed\"}").as_deref(), Some("1"));
    assert_eq!(world.metric("todoapp_cold_start_phase_seconds_count{phase=\"wake\"}"), None);

    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    world.failing("web", "web-1", "ImagePullBackOff", "no such image");
    assert_eq!(answer(client).await.status, 503);
    let lines = cold_starts(&log);
    assert_eq!(lines[1]["result"], "failed", "{lines:?}");
    assert_eq!(world.metric("todoapp_error_responses_total{reason=\"revision-failed\"}").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_request_that_goes_to_another_pod_is_counted() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    world.up(&uid, nobody());
    until(|| world.metric("todoapp_retries_total").is_some_and(|count| count != "0")).await;
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(answer(client).await.status, 200);
}
