use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::*;
use crate::args::Target;
use crate::world::{Canned, World, app, pod, revision};

fn args() -> Logs {
    Logs {
        app: "user".to_owned(),
        follow: false,
        revision: None,
        container: None,
        tail: None,
        previous: false,
        target: Target::default(),
    }
}

fn log(path: &'static str, status: u16, body: &str) -> Canned {
    Canned { method: Method::GET, path, status, body: body.to_owned() }
}

const A: &str = "/api/v1/namespaces/default/pods/user-00001-a/log";
const B: &str = "/api/v1/namespaces/default/pods/user-00002-b/log";

/// Two pods of two revisions, one of which is leaving, and one of another app.
fn world() -> World {
    let world = World::new(vec![log(A, 200, "one\ntwo"), log(B, 200, "three\n")]);
    world.make(&app("user"));
    world.make(&revision("user", 1));
    world.make(&revision("user", 2));
    world.make(&pod("user", "user-00001", "user-00001-a"));
    let mut leaving = pod("user", "user-00002", "user-00002-b");
    leaving["metadata"]["finalizers"] = json!(["test/held"]);
    world.make(&leaving);
    world.make(&pod("other", "other-00001", "other-00001-a"));
    let local = world.server.local("somebody else");
    let stored = local.get(("v1", "Pod"), "default", "user-00002-b").expect("there");
    local.delete(&stored, json!({})).expect("told to go");
    world
}

async fn told(world: &World, args: &Logs) -> Result<String, Error> {
    let mut page = Vec::new();
    run(&world.session, args, &mut page).await.map(|()| String::from_utf8(page).expect("text"))
}

fn asked(world: &World) -> Vec<String> {
    world.asked.lock().clone()
}

#[tokio::test(start_paused = true)]
async fn every_pod_of_the_app_is_printed_after_its_name_also_one_that_is_leaving() {
    let world = world();
    let expected = "[user-00001-a] one\n[user-00001-a] two\n[user-00002-b] three\n";
    assert_eq!(told(&world, &Logs { tail: Some(5), ..args() }).await, Ok(expected.to_owned()));
    assert_eq!(asked(&world)[0], format!("GET {A}?&container=app&tailLines=5"));
}

#[tokio::test(start_paused = true)]
async fn a_revision_and_a_container_may_be_chosen() {
    let world = world();
    let chosen = Logs { revision: Some("user-00002".to_owned()), container: Some("queue-proxy".to_owned()), ..args() };
    assert_eq!(told(&world, &chosen).await, Ok("[user-00002-b] three\n".to_owned()));
    assert_eq!(asked(&world), [format!("GET {B}?&container=queue-proxy")]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_named() {
    let world = world();
    for (args, expected) in [
        (Logs { app: "x".to_owned(), ..args() }, "there is no TodoApp `x` in namespace `default`"),
        (
            Logs { revision: Some("x".to_owned()), ..args() },
            "TodoApp `user` has no revision `x`; there is `user-00002`, `user-00001`",
        ),
        (
            Logs { container: Some("x".to_owned()), ..args() },
            "pod `user-00001-a` has no container `x`; there is `queue-proxy`, `app`",
        ),
    ] {
        assert_eq!(told(&world, &args).await, Err(Error::NotFound(expected.to_owned())));
    }
}

#[tokio::test(start_paused = true)]
async fn with_previous_only_what_has_a_life_before_is_asked_for() {
    let world = world();
    let mut restarted = pod("user", "user-00001", "user-00001-a");
    restarted["status"]["containerStatuses"][1]["lastState"] = json!({ "terminated": { "exitCode": 1 } });
    world.say(&restarted);
    let told = told(&world, &Logs { previous: true, ..args() }).await;
    assert_eq!(told, Ok("[user-00001-a] one\n[user-00001-a] two\n".to_owned()));
    assert_eq!(asked(&world), [format!("GET {A}?&container=app&previous=true")]);
}

#[tokio::test(start_paused = true)]
async fn pods_that_come_are_followed_and_each_life_of_a_container_is_read_once() {
    let world = World::new(vec![log(A, 200, "one\n"), log(B, 404, "{}")]);
    world.make(&app("user"));
    let begins = |state: Value| {
        let mut pod = pod("user", "user-00001", "user-00001-a");
        pod["status"]["containerStatuses"][1]["state"] = state;
        pod
    };
    let changes = async {
        sleep(Duration::from_secs(1)).await;
        world.make(&begins(json!({ "waiting": { "reason": "ContainerCreating" } })));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(asked(&world), Vec::<String>::new(), "it has not started");
        let mut running = begins(json!({ "running": {} }));
        world.say(&running);
        sleep(Duration::from_secs(1)).await;
        running["status"]["phase"] = "Succeeded".into();
        world.say(&running);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(asked(&world).len(), 1, "the same life");
        running["status"]["containerStatuses"][1]["containerID"] = "containerd://app-2".into();
        world.say(&running);
        // One whose log is gone by then is no reason to end.
        world.make(&pod("user", "user-00002", "user-00002-b"));
    };
    let mut page = Vec::new();
    let followed = Logs { follow: true, tail: Some(3), ..args() };
    let follow = timeout(Duration::from_secs(30), run(&world.session, &followed, &mut page));
    let (followed, ()) = tokio::join!(follow, changes);
    assert!(followed.is_err(), "it goes on: {followed:?}");
    assert_eq!(String::from_utf8(page).expect("text"), "[user-00001-a] one\n[user-00001-a] one\n");
    let all = format!("GET {A}?&container=app&follow=true");
    assert_eq!(asked(&world)[..2], [all.clone(), all], "of a pod that comes nothing is left out");
}

fn read(pod: Value) -> Pod {
    serde_json::from_value(pod).expect("a pod")
}

#[test]
fn the_app_is_the_container_with_a_port_that_is_not_the_sidecar() {
    let of = |containers: Value| choose::container(&read(json!({ "spec": { "containers": containers } })), None);
    let (sidecar, helper) =
        (json!({ "name": "queue-proxy", "ports": [{ "containerPort": 8012 }] }), json!({ "name": "h" }));
    let app = json!({ "name": "app", "ports": [{ "containerPort": 8080 }] });
    assert_eq!(of(json!([sidecar, helper, app])).as_deref(), Ok("app"));
    assert_eq!(of(json!([sidecar, helper])).as_deref(), Ok("h"));
    assert!(of(json!([sidecar])).is_err());
}

#[test]
fn a_container_that_waits_says_why_unless_it_ran_before() {
    let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
    let mut crashing = pod("user", "user-00001", "p");
    crashing["status"]["containerStatuses"][1]["state"] = waiting;
    let first = read(crashing.clone());
    assert_eq!(
        choose::silent(&first, "app", false).as_deref(),
        Some("container app has not started: CrashLoopBackOff")
    );
    assert_eq!(choose::life(&first, "app"), None);
    crashing["status"]["containerStatuses"][1]["lastState"] = json!({ "terminated": { "exitCode": 1 } });
    assert_eq!(choose::silent(&read(crashing.clone()), "app", false), None);
    assert_eq!(choose::silent(&read(crashing), "app", true), None);
}
