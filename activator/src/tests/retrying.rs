//! Requests that meet a pod that cannot or will not serve them.

use std::net::SocketAddr;

use proxy::net;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::world::{Answer, Pod, World, answer, call, get};

const HOST: &str = "web.default.test";
const REFUSAL: &str = "HTTP/1.1 503 No\r\ntodoapp-refused: true\r\ntodoapp-error: gate-full\r\n\
                       content-length: 0\r\nconnection: close\r\n\r\n";

/// What a queue-proxy says when its app's process dies.
const BROKEN: &str =
    "HTTP/1.1 502 No\r\ntodoapp-error: upstream-broken\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A pod that reads a head, says this, and closes when the rest has been said too.
fn pod_that_says(words: &'static str) -> SocketAddr {
    let listener = net::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 1 << 20];
            let mut filled = 0;
            while !head[..filled].windows(4).any(|end| end == b"\r\n\r\n") {
                filled += stream.read(&mut head[filled..]).await.unwrap();
            }
            stream.write_all(words.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            tokio::spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await });
        }
    });
    address
}

/// Asks an app whose first pod is `first`, and whose second answers once the first was met.
async fn ask(first: SocketAddr, more: &str) -> (Answer, World, Pod) {
    let mut world = World::new();
    let uid = world.simple("web", 0);
    world.slice(&uid, &[(first, true)]);
    let client = call(world.public, HOST, "/", more).await;
    let pod = Pod::new("b");
    // The first pod is the only one until it has been left alone for a while, or the answer is there.
    world.up(&uid, first);
    tokio::pin! { let answered = answer(client); }
    let told = tokio::select! {
        told = &mut answered => told,
        () = met(&world) => {
            world.slice(&uid, &[(pod.address, true)]);
            answered.await
        }
    };
    (told, world, pod)
}

/// Until a request is to be sent once more.
async fn met(world: &World) {
    while ["refused", "broken"].iter().all(|reason| retries(world, reason).is_none()) {
        tokio::task::yield_now().await;
    }
}

fn retries(world: &World, reason: &str) -> Option<String> {
    world.metric(&format!(r#"todoapp_retries_total{{reason="{reason}"}}"#))
}

#[tokio::test]
async fn a_refusal_does_not_reach_the_client_while_there_is_another_pod() {
    for more in ["", "content-length: 5\r\n\r\nhello"] {
        let (told, world, pod) = ask(pod_that_says(REFUSAL), more).await;
        assert_eq!((told.status, told.header("pod")), (200, "b"), "{told:?}");
        assert_eq!(told.body, more.rsplit('\n').next().unwrap(), "the body is sent again, whole");
        assert_eq!((pod.count(), retries(&world, "refused").as_deref()), (1, Some("1")));
    }
}

#[tokio::test]
async fn a_refused_request_whose_body_is_gone_is_told_so() {
    let body = "x".repeat(300 << 10);
    let (told, _, pod) = ask(pod_that_says(REFUSAL), &format!("content-length: {}\r\n\r\n{body}", body.len())).await;
    assert_eq!((told.status, told.header("todoapp-error")), (503, "gate-full"));
    assert_eq!(told.header("todoapp-refused"), "", "a word between our own proxies");
    assert_eq!(pod.count(), 0);
}

#[tokio::test]
async fn a_request_that_broke_is_sent_again_if_that_does_no_harm() {
    for words in ["", BROKEN] {
        let (told, world, pod) = ask(pod_that_says(words), "").await;
        assert_eq!((told.status, told.header("pod")), (200, "b"), "{told:?}");
        assert_eq!(pod.count(), 1);
        assert!(retries(&world, "broken").is_some());

        let (told, world, pod) = ask(pod_that_says(words), "content-length: 5\r\n\r\nhello").await;
        assert_eq!((told.status, told.header("todoapp-error")), (502, "upstream-broken"), "a POST may have been done");
        assert_eq!((pod.count(), retries(&world, "broken")), (0, None));
    }
}

#[tokio::test]
async fn an_answer_that_began_is_not_begun_again() {
    let (told, _, pod) = ask(pod_that_says("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), "").await;
    assert_eq!((told.status, told.body.as_str()), (200, "half"));
    assert_eq!(pod.count(), 0);
}

#[tokio::test]
async fn no_more_than_its_pod_says_are_sent_there() {
    let mut world = World::new();
    let uid = world.simple("web", 10);
    let pod = pod_that_says("HTTP/1.1 200 OK\r\ntodoapp-places: 3\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    world.up(&uid, pod);
    let told = get(world.public, HOST).await;
    assert_eq!((told.status, told.header("todoapp-places")), (200, ""));
    let revision = world.revisions.get(&uid).unwrap();
    let leases: Vec<_> = std::iter::from_fn(|| revision.take()).collect();
    assert_eq!(leases.len(), 3);
    leases[0].told(Some(5));
    let more: Vec<_> = std::iter::from_fn(|| revision.take()).collect();
    assert_eq!(more.len(), 2);
}
