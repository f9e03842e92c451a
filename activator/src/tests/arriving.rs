//! Requests that are quicker than the first revision.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::world::{Bounds, Pod, World, answer, call, get, key, open};
use crate::route::Door;

const HOST: &str = "web.default.test";
const PORT: u16 = 10_001;

/// What the operator writes first of all.
fn new_app(world: &mut World, more: &Value) {
    let mut status = json!({"url": format!("http://{HOST}"), "clusterPort": PORT});
    status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.app("web", json!({}), &status);
}

/// The operator's word that a person has to mend something.
fn stalled(generation: u32) -> Value {
    json!({"observedGeneration": generation, "conditions": [{
        "type": "Stalled", "status": "True", "reason": "RevisionMissing", "message": "it names revision 'web-9'",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]})
}

/// A request that is held, as the only one.
async fn held(world: &World, more: &str) -> TcpStream {
    let client = call(world.public, HOST, "/x", more).await;
    room(world, 1).await;
    client
}

async fn room(world: &World, taken: usize) {
    let comes = async {
        while world.activator.shared.room.taken() != taken {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), comes).await.expect("so many are held");
}

#[tokio::test]
async fn held_from_the_first_sight_of_the_app_to_its_first_pod() {
    let mut world = World::new();
    new_app(&mut world, &json!({}));
    let client = held(&world, "content-length: 4\r\n\r\nbody").await;
    // Named, but our watch of revisions is behind.
    new_app(&mut world, &json!({"traffic": [{"revision": "web-1", "percent": 100}]}));
    world.revision("web", "web-1", 0);
    world.demand("uid-web-1", 1).await;
    assert_eq!(world.activator.shared.room.taken(), 1, "one request is one");
    let pod = Pod::new("a");
    world.up("uid-web-1", pod.address);
    let answer = answer(client).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "body"));
    assert_eq!(answer.header("todoapp-cold-start"), "true");
    assert_eq!(world.activator.shared.room.taken(), 0);
}

#[tokio::test]
async fn a_revision_that_is_named_before_it_is_seen_is_waited_for() {
    let mut world = World::new();
    let tag = json!({"revision": "web-2", "percent": 0, "tag": "next", "url": "http://next-web.default.test"});
    new_app(&mut world, &json!({"traffic": [{"revision": "web-1", "percent": 100}, tag]}));
    world.revision("web", "web-1", 0);
    let (first, second) = (Pod::new("first"), Pod::new("second"));
    world.up("uid-web-1", first.address);
    assert_eq!(get(world.public, HOST).await.header("pod"), "first", "the other revision is not in the way");

    let cluster = open(&world.activator, Door::Port(PORT));
    let clients = [
        call(world.public, "next-web.default.test", "/", "").await,
        call(cluster, "next-web.default.svc", "/", "").await,
    ];
    room(&world, 2).await;
    world.revision("web", "web-2", 0);
    world.up("uid-web-2", second.address);
    for client in clients {
        assert_eq!(answer(client).await.header("pod"), "second");
    }
}

#[tokio::test]
async fn a_pod_that_is_there_already_takes_it_at_once() {
    let mut world = World::new();
    world.revision("web", "web-1", 0);
    let pod = Pod::new("a");
    world.up("uid-web-1", pod.address);
    new_app(&mut world, &json!({}));
    let client = held(&world, "").await;
    new_app(&mut world, &json!({"traffic": [{"revision": "web-1", "percent": 100}]}));
    let answer = answer(client).await;
    assert_eq!((answer.status, answer.header("todoapp-cold-start")), (200, ""));
    assert!(answer.header("server-timing").starts_with("hold;dur="), "{answer:?}");
}

#[tokio::test]
async fn refused_with_the_reason_when_a_person_has_to_mend_it() {
    let mut world = World::new();
    new_app(&mut world, &stalled(2));
    let refused = get(world.public, HOST).await;
    assert_eq!((refused.status, refused.header("todoapp-error")), (503, "no-revision"));
    assert!(refused.body.contains("RevisionMissing: it names revision 'web-9'"), "{refused:?}");

    // Mended, and the operator has not looked yet.
    new_app(&mut world, &stalled(1));
    let client = held(&world, "").await;
    new_app(&mut world, &stalled(2));
    let told = answer(client).await;
    assert_eq!((told.status, told.header("todoapp-error")), (503, "no-revision"));
    assert_eq!(world.metric(r#"todoapp_held_rejected_total{reason="no-revision"}"#).as_deref(), Some("1"));
}

#[tokio::test]
async fn a_stalled_app_goes_on_with_what_it_has() {
    let mut world = World::new();
    let mut status = stalled(2);
    status["traffic"] = json!([{"revision": "web-1", "percent": 100}]);
    new_app(&mut world, &status);
    world.revision("web", "web-1", 0);
    let pod = Pod::new("a");
    world.up("uid-web-1", pod.address);
    assert_eq!(get(world.public, HOST).await.status, 200);
}

#[tokio::test]
async fn a_name_that_comes_back_after_it_was_deleted_is_waited_for_again() {
    let mut world = World::new();
    world.simple("web", 0);
    world.store.no_revision(&key("web-1"));
    world.store.publish();
    let refused = get(world.public, HOST).await;
    assert_eq!(refused.header("todoapp-error"), "no-revision");
    assert!(refused.body.contains("web-1 was deleted"), "{refused:?}");
    // The operator has named another one: nothing is remembered of the first.
    new_app(&mut world, &json!({"traffic": [{"revision": "web-2", "percent": 100}]}));
    new_app(&mut world, &json!({"traffic": [{"revision": "web-1", "percent": 100}]}));
    let client = held(&world, "").await;
    world.revision("web", "web-1", 0);
    let pod = Pod::new("a");
    world.up("uid-web-1", pod.address);
    assert_eq!(answer(client).await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let mut world = World::new();
    new_app(&mut world, &json!({}));
    for more in ["", "content-length: 1000000\r\n\r\nabc"] {
        let client = held(&world, more).await;
        drop(client);
        room(&world, 0).await;
    }
}

#[tokio::test]
async fn not_longer_than_the_deadline() {
    let mut world = World::with(&Bounds { hold_timeout: Duration::from_millis(30), ..Bounds::default() });
    new_app(&mut world, &json!({}));
    let answer = get(world.public, HOST).await;
    assert_eq!((answer.status, answer.header("todoapp-error")), (504, "hold-timeout"));
    assert_eq!(world.metric(r#"todoapp_held_rejected_total{reason="hold-timeout"}"#).as_deref(), Some("1"));
    assert_eq!(world.activator.shared.room.taken(), 0);
}

#[tokio::test]
async fn not_more_than_the_bound_and_who_is_in_stays_in() {
    let mut world = World::with(&Bounds { hold_count: 1, ..Bounds::default() });
    new_app(&mut world, &json!({}));
    let client = held(&world, "").await;
    let full = get(world.public, HOST).await;
    assert_eq!((full.status, full.header("todoapp-error"), full.header("retry-after")), (503, "hold-full", "1"));
    // Another one slips in while the first changes from the door to its revision's queue.
    let _other = world.activator.shared.room.of("default", "other").enter(true).unwrap();
    let uid = world.simple("web", 0);
    world.demand(&uid, 1).await;
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(answer(client).await.status, 200);
}
