use std::{collections::BTreeSet, net::SocketAddr};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::world::{Pod, World, answer, call, get, key, nobody, open};
use crate::{ports, route::Door};

fn error(answer: &super::world::Answer) -> (u16, &str) {
    (answer.status, answer.header("todoapp-error"))
}

/// An app `user` with two revisions at 50/50, tags and a host of its own.
fn user(world: &mut World, visibility: &str) -> (Pod, Pod) {
    world.app(
        "user",
        json!({"ingress": {"visibility": visibility, "hosts": ["user.example.com"]}}),
        &json!({
            "url": "http://user.default.test", "clusterPort": 10_001,
            "traffic": [
                {"revision": "user-v1", "percent": 50, "tag": "v1", "url": "http://v1-user.default.test", "clusterPort": 10_002},
                {"revision": "user-v2", "percent": 50},
                {"revision": "user-v2", "percent": 0, "tag": "latest", "url": "http://latest-user.default.test:8080"},
            ],
        }),
    );
    let pods = (Pod::new("v1"), Pod::new("v2"));
    for (name, pod) in [("user-v1", &pods.0), ("user-v2", &pods.1)] {
        world.revision("user", name, 0);
        world.up(&format!("uid-{name}"), pod.address);
    }
    pods
}

#[tokio::test]
async fn an_activator_that_leaves_ends_its_connections_with_their_answers() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    let mut client = TcpStream::connect(world.public).await.unwrap();
    let mut ask = async |last: bool| {
        client.write_all(b"GET / HTTP/1.1\r\nhost: web.default.test\r\n\r\n").await.unwrap();
        let mut read = Vec::new();
        while client.read_buf(&mut read).await.unwrap() > 0 && (last || !read.ends_with(b"\r\n\r\n")) {}
        String::from_utf8(read).unwrap()
    };
    assert!(!ask(false).await.contains("connection"));
    world.activator.leave();
    assert!(ask(true).await.contains("connection: close"), "and the connection has ended");
}

#[tokio::test]
async fn ten_requests_at_half_and_half_are_five_and_five() {
    let mut world = World::new();
    let (first, second) = user(&mut world, "Public");
    for host in ["user.default.test", "USER.example.com:8080"] {
        for _ in 0..5 {
            assert_eq!(get(world.public, host).await.status, 200);
        }
    }
    assert_eq!((first.count(), second.count()), (5, 5));
}

#[tokio::test]
async fn tags_by_host() {
    let mut world = World::new();
    let _pods = user(&mut world, "Public");
    for _ in 0..3 {
        assert_eq!(get(world.public, "v1-user.default.test").await.header("pod"), "v1");
        assert_eq!(get(world.public, "latest-user.default.test").await.header("pod"), "v2");
    }
}

/// With these headers besides.
async fn get_with(to: SocketAddr, host: &str, more: &str) -> super::world::Answer {
    answer(call(to, host, "/", &format!("{more}\r\n\r\n")).await).await
}

#[tokio::test]
async fn tags_by_header() {
    let mut world = World::new();
    let (first, second) = user(&mut world, "Public");
    let port = open(&world.activator, Door::Port(10_001));
    for (door, host) in [(world.public, "user.default.test"), (world.public, "user.example.com"), (port, "user")] {
        for _ in 0..3 {
            assert_eq!(get_with(door, host, "todoapp-tag: latest").await.header("pod"), "v2", "{host}");
        }
    }
    assert_eq!((first.count(), second.count()), (0, 9));
    assert!(second.heads.lock().iter().all(|head| head["todoapp-tag"] == "latest"), "the app sees it too");
    // One that is not there: as if nothing had been said.
    for unknown in ["v3", "LATEST", "latest-user", "", "l\u{e4}test"] {
        for _ in 0..2 {
            get_with(world.public, "user.default.test", &format!("todoapp-tag: {unknown}")).await;
        }
    }
    assert_eq!((first.count(), second.count()), (5, 14));
    // Who named a tag by the host has chosen.
    let tag_port = open(&world.activator, Door::Port(10_002));
    for (door, host) in [(world.public, "v1-user.default.test"), (port, "v1-user"), (tag_port, "any")] {
        assert_eq!(get_with(door, host, "todoapp-tag: latest").await.header("pod"), "v1", "{host}");
    }
}

#[tokio::test]
async fn a_tag_whose_revision_is_not_known_yet_is_waited_for() {
    let mut world = World::new();
    let status = json!({"url": "http://web.default.test", "traffic": [
        {"revision": "web-1", "percent": 100}, {"revision": "web-2", "percent": 0, "tag": "candidate"},
    ]});
    world.app("web", json!({}), &status);
    world.revision("web", "web-1", 0);
    let (old, new) = (Pod::new("old"), Pod::new("new"));
    world.up("uid-web-1", old.address);
    let client = call(world.public, "web.default.test", "/", "todoapp-tag: candidate\r\n\r\n").await;
    while world.activator.shared.room.taken() == 0 {
        tokio::task::yield_now().await;
    }
    world.revision("web", "web-2", 0);
    world.up("uid-web-2", new.address);
    assert_eq!(answer(client).await.header("pod"), "new");
}

#[tokio::test]
async fn unknown_and_forbidden_look_the_same() {
    let mut world = World::new();
    let _pods = user(&mut world, "Cluster");
    let unknown = get(world.public, "nobody.default.test").await;
    assert_eq!(error(&unknown), (404, "no-route"));
    for host in ["user.default.test", "v1-user.default.test", "user.example.com", "user.default.svc.cluster.local"] {
        let answer = get(world.public, host).await;
        assert_eq!((error(&answer), &answer.body), (error(&unknown), &unknown.body), "{host}");
    }
}

#[tokio::test]
async fn on_its_own_port_any_host_is_the_app() {
    let mut world = World::new();
    let (first, second) = user(&mut world, "Cluster");
    let app = open(&world.activator, Door::Port(10_001));
    for host in ["user", "user.default.svc.cluster.local:80", "whatever", "10.0.0.1"] {
        assert_eq!(get(app, host).await.status, 200, "{host}");
    }
    assert_eq!((first.count(), second.count()), (2, 2));
    assert_eq!(get(app, "latest-user.default.svc").await.header("pod"), "v2");
    let tag = open(&world.activator, Door::Port(10_002));
    for _ in 0..3 {
        assert_eq!(get(tag, "whatever").await.header("pod"), "v1");
    }
    let none = open(&world.activator, Door::Port(10_003));
    assert_eq!(error(&get(none, "user").await), (404, "no-route"));
}

#[tokio::test]
async fn ports_open_and_close_with_the_table() {
    let mut world = World::new();
    let (port, other) = (nobody().port(), nobody().port());
    let (tracker, end) = (TaskTracker::new(), CancellationToken::new());
    let ip = [127, 0, 0, 1].into();
    tracker.spawn(ports::run(world.activator.clone(), proxy::net::Tcp, ip, end.clone()).unwrap());
    let pod = Pod::new("a");
    world.revision("web", "web-1", 0);
    world.up("uid-web-1", pod.address);
    for port in [port, other] {
        world.app("web", json!({}), &json!({"clusterPort": port, "traffic": [{"revision": "web-1", "percent": 100}]}));
        let address = SocketAddr::new(ip, port);
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(get(address, "any").await.status, 200);
    }
    let closed = SocketAddr::new(ip, port);
    while tokio::net::TcpStream::connect(closed).await.is_ok() {
        tokio::task::yield_now().await;
    }
    end.cancel();
    tracker.close();
    tracker.wait().await;
}

#[tokio::test]
async fn strict_at_the_door() {
    let world = World::new();
    let answer = get(world.public, "a/b@c").await;
    assert_eq!(error(&answer), (400, "bad-request"));
    let counted = world.metric(
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="400"}"#,
    );
    assert_eq!(counted.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_generated_host_cannot_be_taken_by_another_app() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let pod = Pod::new("web");
    world.up(&uid, pod.address);
    // Sorts before `web` and is as old.
    world.app(
        "evil",
        json!({"ingress": {"hosts": ["web.default.test"]}}),
        &json!({"traffic": [{"revision": "evil-1", "percent": 100}]}),
    );
    world.revision("evil", "evil-1", 0);
    assert_eq!(get(world.public, "web.default.test").await.header("pod"), "web");
}

#[tokio::test]
async fn a_new_list_takes_away_what_is_not_in_it() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let pod = Pod::new("a");
    world.slice(&uid, &[(pod.address, true)]);
    assert_eq!(get(world.public, "web.default.test").await.status, 200);
    world.store.keep_slices(&BTreeSet::new());
    assert!(world.revisions.get(&uid).unwrap().take().is_none());
    world.store.keep_revisions(&BTreeSet::from([key("web-1")]));
    assert!(world.revisions.get(&uid).is_some());
    world.store.keep_revisions(&BTreeSet::new());
    world.store.keep_apps(&BTreeSet::new());
    world.store.publish();
    assert!(world.revisions.get(&uid).is_none());
    assert_eq!(error(&get(world.public, "web.default.test").await), (404, "no-route"));
}

#[tokio::test]
async fn a_revision_made_anew_under_its_name_is_another_one() {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    let old = world.revisions.get(&uid).unwrap();
    world.store.no_revision(&key("web-1"));
    world.revision("web", "web-1", 0);
    let new = world.revisions.get(&uid).unwrap();
    assert!(!std::sync::Arc::ptr_eq(&old, &new));
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(get(world.public, "web.default.test").await.status, 200);
}
