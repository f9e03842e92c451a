use std::time::Duration;

use super::world::{Bounds, Pod, World, answer, call, get};
use crate::hold::{self, Held};
use proxy::Failure;

const HOST: &str = "web.default.test";

#[tokio::test]
async fn who_waits_is_told_why_at_the_moment_the_failure_appears() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    world.failing("web", "web-1", "ImagePullBackOff", "image registry/web:v2 is not there");
    let answer = answer(client).await;
    assert_eq!((answer.status, answer.header("todoapp-error")), (503, "revision-failed"));
    assert!(answer.body.contains("ImagePullBackOff"), "{answer:?}");
    assert!(answer.body.contains("registry/web:v2"), "{answer:?}");
    assert_eq!(world.metric(r#"todoapp_cold_starts_total{result="failed"}"#).as_deref(), Some("1"));
    world.demand(&uid, 0).await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_later_waits_ten_seconds() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    world.failing("web", "web-1", "CrashLoopBackOff", "exit code 1");
    let revision = world.revisions.get(&uid).unwrap();
    let start = tokio::time::Instant::now();
    let waited = hold::wait(&revision, start, start + Duration::from_mins(1), &mut Held::default()).await;
    assert!(waited.unwrap_err().to_string().contains("CrashLoopBackOff"));
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    world.demand(&uid, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_may_still_come_for_a_pod_that_has_none() {
    let mut world = World::with(&Bounds { hold_timeout: Duration::from_mins(1), ..Bounds::default() });
    let uid = world.simple("web", 0);
    let revision = world.revisions.get(&uid).unwrap();
    let start = tokio::time::Instant::now();
    let mut held = [Held::default(), Held::default()];
    let [first, second] = held.each_mut();
    let waiting = hold::wait(&revision, start, start + Duration::from_mins(1), first);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    world.failing("web", "web-1", "Unschedulable", "pod 'p': 0/3 nodes are available");
    // Who comes later waits no less.
    let later = hold::wait(&revision, start, start + Duration::from_secs(50), second).await;
    let told = Failure::HoldTimeout(Some("Unschedulable: pod 'p': 0/3 nodes are available".into()));
    assert_eq!((later.unwrap_err(), start.elapsed()), (told.clone(), Duration::from_secs(50)));
    assert_eq!((waiting.await.unwrap_err(), start.elapsed()), (told, Duration::from_mins(1)));
}

#[tokio::test]
async fn who_waits_for_a_node_is_served_by_the_pod_that_comes_or_told_what_is_broken() {
    for comes in [true, false] {
        let mut world = World::new();
        let uid = world.simple("web", 0);
        let client = call(world.public, HOST, "/", "").await;
        world.demand(&uid, 1).await;
        world.failing("web", "web-1", "Unschedulable", "0/3 nodes");
        let pod = Pod::new("a");
        if comes {
            world.up(&uid, pod.address);
        } else {
            world.failing("web", "web-1", "ImagePullBackOff", "no such image");
        }
        let told = answer(client).await;
        let expected = if comes { (200, "") } else { (503, "revision-failed") };
        assert_eq!((told.status, told.header("todoapp-error")), expected);
    }
}

#[tokio::test]
async fn a_pod_clears_the_failure() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    world.failing("web", "web-1", "CrashLoopBackOff", "exit code 1");
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(answer(client).await.status, 200);
    assert!(world.revisions.get(&uid).unwrap().failure().is_none());
}

#[tokio::test]
async fn a_deleted_revision_lets_nobody_wait() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    world.store.no_revision(&super::world::key("web-1"));
    world.store.publish();
    let told = answer(client).await;
    assert_eq!(told.status, 503);
    assert!(told.body.contains("deleted"), "{told:?}");
    assert_eq!(get(world.public, HOST).await.header("todoapp-error"), "no-revision");
    let page = world.metric(r#"todoapp_held_requests{app="web",namespace="default",revision="web-1"}"#);
    assert_eq!(page, None, "the series is gone too");
}
