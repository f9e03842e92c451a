use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::world::{Bounds, PATIENCE, Pod, World, answer, call, get, nobody};
use crate::endpoints::HUB_TRUST;

const HOST: &str = "web.default.test";

#[tokio::test]
async fn held_until_a_pod_announces_itself() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/x", "").await;
    world.demand(&uid, 1).await;
    assert_eq!(world.activator.shared.room.taken(), 1);
    assert_eq!(
        world.metric(r#"todoapp_held_requests{app="web",namespace="default",revision="web-1"}"#).as_deref(),
        Some("1")
    );

    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    let answer = answer(client).await;
    assert_eq!((answer.status, answer.header("pod")), (200, "a"));
    assert_eq!(answer.header("todoapp-cold-start"), "true");
    let timing = answer.header("server-timing");
    for part in ["hold;dur=", "wake;dur=", "app;dur="] {
        assert!(timing.contains(part), "{timing}");
    }
    world.demand(&uid, 0).await;

    let warm = get(world.public, HOST).await;
    assert_eq!((warm.status, warm.header("todoapp-cold-start")), (200, ""));
    assert_eq!(warm.header("server-timing"), "");
    assert_eq!(world.activator.shared.room.taken(), 0);
    assert_eq!(world.metric(r#"todoapp_cold_starts_total{result="ready"}"#).as_deref(), Some("1"));
}

#[tokio::test]
async fn held_until_a_slice_lists_a_pod() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    let pod = Pod::new("a");
    world.slice(&uid, &[(pod.address, false)]);
    world.slice(&uid, &[(pod.address, true)]);
    assert_eq!(answer(client).await.status, 200);
}

#[tokio::test]
async fn a_body_is_read_ahead_and_arrives_whole() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let mut client = call(world.public, HOST, "/", "content-length: 10\r\n\r\n01234").await;
    world.demand(&uid, 1).await;
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    client.write_all(b"56789").await.unwrap();
    let answer = answer(client).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "0123456789"));
}

#[tokio::test]
async fn a_request_behind_a_held_one_on_its_connection_is_answered_too() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let mut client = TcpStream::connect(world.public).await.unwrap();
    let requests = ["/a", "/b"].map(|path| format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\nx-of: {path}\r\n\r\n"));
    client.write_all(requests.concat().as_bytes()).await.unwrap();
    world.demand(&uid, 1).await;
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    for path in ["/a", "/b"] {
        pod.arrival().await;
        assert_eq!(pod.heads.lock().last().unwrap()["x-of"], path);
    }
    assert_eq!(*pod.seen.lock(), ["/a", "/b"]);
}

#[tokio::test]
async fn a_held_request_may_change_the_protocol() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let mut client = call(world.public, HOST, "/", "upgrade: echo\r\nconnection: upgrade\r\n\r\n").await;
    world.demand(&uid, 1).await;
    let listener = proxy::net::bind(([127, 0, 0, 1], 0).into()).unwrap();
    world.up(&uid, listener.local_addr().unwrap());
    let talk = async {
        let (mut pod, _) = listener.accept().await.unwrap();
        let head = until_blank(&mut pod).await;
        assert!(head.contains("upgrade: echo\r\n"), "{head}");
        let switched = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        pod.write_all(switched).await.unwrap();
        let head = until_blank(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client.write_all(b"ping").await.unwrap();
        let mut came = [0; 4];
        pod.read_exact(&mut came).await.unwrap();
        assert_eq!(&came, b"ping");
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("the protocol changes");
}

/// Reads a head.
async fn until_blank(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_withdraws_its_demand() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    for more in ["", "content-length: 1000000\r\n\r\nabc"] {
        let client = call(world.public, HOST, "/", more).await;
        world.demand(&uid, 1).await;
        drop(client);
        world.demand(&uid, 0).await;
    }
    assert_eq!(world.activator.shared.room.taken(), 0);
    assert_eq!(world.metric(r#"todoapp_cold_starts_total{result="departed"}"#).as_deref(), Some("2"));
}

#[tokio::test]
async fn growing_demand_is_told() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let mut clients = Vec::new();
    for held in 1..=5 {
        clients.push(call(world.public, HOST, "/", "").await);
        world.demand(&uid, held).await;
    }
    assert_eq!(world.revisions.demands().len(), 1, "repeated while held");
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    for client in clients {
        assert_eq!(answer(client).await.status, 200);
    }
    world.demand(&uid, 0).await;
    assert!(world.revisions.demands().is_empty());
}

#[tokio::test]
async fn not_longer_than_the_deadline() {
    let mut world = World::with(&Bounds { hold_timeout: Duration::from_millis(30), ..Bounds::default() });
    let uid = world.simple("web", 0);
    let answer = get(world.public, HOST).await;
    assert_eq!((answer.status, answer.header("todoapp-error")), (504, "hold-timeout"));
    world.demand(&uid, 0).await;
    assert_eq!(world.metric(r#"todoapp_held_rejected_total{reason="hold-timeout"}"#).as_deref(), Some("1"));
}

#[tokio::test]
async fn not_more_than_the_bound() {
    let mut world = World::with(&Bounds { hold_count: 1, ..Bounds::default() });
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    let full = get(world.public, HOST).await;
    assert_eq!((full.status, full.header("todoapp-error"), full.header("retry-after")), (503, "hold-full", "1"));
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(answer(client).await.status, 200);
}

#[tokio::test]
async fn a_flood_on_one_app_leaves_room_for_the_others() {
    let mut world = World::with(&Bounds { hold_count: 4, app_percent: 50, ..Bounds::default() });
    let (flooded, other) = (world.simple("web", 0), world.simple("rule", 0));
    let clients = [call(world.public, HOST, "/1", "").await, call(world.public, HOST, "/2", "").await];
    world.demand(&flooded, 2).await;
    let full = get(world.public, HOST).await;
    assert_eq!((full.status, full.body.contains("of this app")), (503, true), "{full:?}");
    let client = call(world.public, "rule.default.test", "/", "").await;
    world.demand(&other, 1).await;
    let pod = Pod::new("b");
    world.up(&other, pod.address);
    assert_eq!(answer(client).await.status, 200);
    drop(clients);
    world.demand(&flooded, 0).await;
}

#[tokio::test]
async fn a_grpc_client_is_told_in_its_own_words_and_not_later_than_it_waits() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let head = "content-type: application/grpc\r\ngrpc-timeout: 30m\r\ncontent-length: 0\r\n\r\n";
    let told = answer(call(world.public, HOST, "/", head).await).await;
    assert_eq!((told.status, told.header("grpc-status"), told.header("todoapp-error")), (200, "4", "hold-timeout"));
    world.demand(&uid, 0).await;
}

#[tokio::test]
async fn a_limited_pod_gets_one_after_the_other_in_the_order_of_arrival() {
    let mut world = World::new();
    let uid = world.simple("web", 1);
    let mut clients = Vec::new();
    for (held, path) in (1..).zip(["/1", "/2", "/3", "/4"]) {
        clients.push(call(world.public, HOST, path, "").await);
        world.demand(&uid, held).await;
    }
    let pod = Pod::with_permits("a", 0);
    world.up(&uid, pod.address);
    for count in 1..=4 {
        pod.arrival().await;
        assert_eq!(pod.count(), count, "one at a time");
        pod.permits.add_permits(1);
    }
    for client in clients {
        assert_eq!(answer(client).await.status, 200);
    }
    assert_eq!(*pod.seen.lock(), ["/1", "/2", "/3", "/4"]);
}

#[tokio::test]
async fn the_first_pod_of_two_gets_its_share_and_the_second_the_rest() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let mut clients = Vec::new();
    for held in 1..=6 {
        clients.push(call(world.public, HOST, "/", "").await);
        world.demand(&uid, held).await;
    }
    world.desired(&uid, 2);
    let (first, second) = (Pod::with_permits("a", 0), Pod::with_permits("b", 0));
    world.up(&uid, first.address);
    let revision = world.revisions.get(&uid).unwrap();
    assert_eq!(revision.describe()["held"], 3);
    assert_eq!(revision.describe()["endpoints"][0]["outstanding"], 3);
    world.up(&uid, second.address);
    assert_eq!(revision.describe()["held"], 0);
    for _ in 0..3 {
        first.arrival().await;
        second.arrival().await;
    }
    first.permits.add_permits(3);
    second.permits.add_permits(3);
    for client in clients {
        assert_eq!(answer(client).await.status, 200);
    }
}

#[tokio::test]
async fn what_a_first_pod_refuses_goes_to_another() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let pod = Pod::new("a");
    world.slice(&uid, &[(nobody(), true), (pod.address, true)]);
    for _ in 0..10 {
        let answer = get(world.public, HOST).await;
        assert_eq!((answer.status, answer.header("pod")), (200, "a"));
    }
}

#[tokio::test]
async fn what_the_only_pod_refuses_is_held_again() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    world.up(&uid, nobody());
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(answer(client).await.status, 200);
}

#[tokio::test]
async fn a_draining_pod_is_not_chosen_though_the_slice_lists_it() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let (leaving, staying) = (Pod::new("leaving"), Pod::new("staying"));
    world.slice(&uid, &[(leaving.address, true), (staying.address, true)]);
    world
        .revisions
        .hear(wire::Down::EndpointDown(wire::Endpoint { revision_uid: uid.clone(), address: leaving.address }));
    for _ in 0..10 {
        assert_eq!(get(world.public, HOST).await.header("pod"), "staying");
    }
    assert_eq!(leaving.count(), 0);
}

#[tokio::test]
async fn what_the_hub_said_before_the_revision_was_known_counts() {
    let mut world = World::new();
    let pod = Pod::new("a");
    world.revisions.hear(wire::Down::Endpoints(vec![wire::Endpoint {
        revision_uid: "uid-web-1".to_owned(),
        address: pod.address,
    }]));
    world.simple("web", 0);
    assert_eq!(get(world.public, HOST).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_announcement_that_no_slice_confirms_runs_out() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    world.up(&uid, nobody());
    let revision = world.revisions.get(&uid).unwrap();
    assert!(revision.take().is_some());
    tokio::time::sleep(HUB_TRUST + Duration::from_millis(1)).await;
    assert!(revision.take().is_none());
}

#[tokio::test(start_paused = true)]
async fn patience_with_pods_to_come_ends() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    world.desired(&uid, 2);
    world.up(&uid, nobody());
    let revision = world.revisions.get(&uid).unwrap();
    let places: Vec<_> = std::iter::from_fn(|| revision.take()).take(10).collect();
    assert_eq!(places.len(), 2, "the target of one pod");
    let start = tokio::time::Instant::now();
    let mut held = crate::hold::Held::default();
    let lease = crate::hold::wait(&revision, start, start + Duration::from_mins(1), &mut held).await;
    assert!(lease.is_ok());
    assert_eq!(start.elapsed(), crate::hold::share::PATIENCE);
    assert!(!held.cold);
    drop(places);
}
