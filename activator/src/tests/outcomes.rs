//! What is counted of revisions while a release is under way.

use std::{net::SocketAddr, sync::Arc};

use rollout::Tally;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use wire::{Outcome, Up};

use super::world::{Bounds, Pod, World, answer, call, get};
use crate::report::Reporter;

const HOST: &str = "user.default.test";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An app with a stable revision that gets everything, and a candidate that has a tag.
fn release(world: &mut World, phase: &str) {
    let to = |tag: &str, name: &str, percent: u32| json!({"revision": name, "percent": percent, "tag": tag, "url": format!("http://{tag}-{HOST}")});
    let mut status = json!({
        "url": format!("http://{HOST}"),
        "traffic": [to("old", "user-1", 100), to("candidate", "user-2", 0)],
    });
    if phase != "Promoted" {
        status["rollout"] = json!({"stable": "user-1", "candidate": "user-2", "phase": phase, "percent": 0});
    }
    world.app("user", json!({}), &status);
}

fn world(phase: &str) -> World {
    let mut world = World::with(&Bounds { hold_count: 2, ..Bounds::default() });
    world.revision("user", "user-1", 0);
    world.revision("user", "user-2", 0);
    release(&mut world, phase);
    world
}

/// What the hub is told of the revision when a stream is new.
fn tally(world: &World, name: &str) -> Option<Tally> {
    replay(world).into_iter().find(|outcome| outcome.revision_uid == format!("uid-{name}")).map(|outcome| outcome.tally)
}

fn replay(world: &World) -> Vec<Outcome> {
    match world.revisions.outcomes(true).pop() {
        Some(Up::Outcomes { replay: true, outcomes }) => outcomes,
        None => Vec::new(),
        other => panic!("{other:?}"),
    }
}

/// Requests, errors, cold starts, times.
fn figures(tally: &Tally) -> (u64, u64, u64, u64) {
    (tally.requests, tally.errors, tally.cold_starts, tally.times.total())
}

/// A pod that says this to each connection and closes it.
async fn saying(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn each_of_the_two_has_its_own_count() {
    let world = world("Progressing");
    world.up("uid-user-1", saying(OK).await);
    world.up("uid-user-2", saying("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n").await);
    for _ in 0..3 {
        assert_eq!(get(world.public, HOST).await.status, 200);
    }
    assert_eq!(get(world.public, &format!("candidate-{HOST}")).await.status, 500);
    assert_eq!(figures(&tally(&world, "user-1").unwrap()), (3, 0, 0, 3));
    assert_eq!(figures(&tally(&world, "user-2").unwrap()), (1, 1, 0, 1));
}

#[tokio::test]
async fn no_answer_and_half_an_answer_are_errors() {
    let world = world("Warming");
    world.up("uid-user-1", saying("").await);
    assert_eq!(get(world.public, HOST).await.status, 502);
    assert_eq!(figures(&tally(&world, "user-1").unwrap()), (1, 1, 0, 1));
    // The head is there, the body breaks: what was counted as good is an error after all.
    world.up("uid-user-2", saying("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await);
    assert_eq!(get(world.public, &format!("candidate-{HOST}")).await.status, 200);
    assert_eq!(figures(&tally(&world, "user-2").unwrap()), (1, 1, 0, 1));
    // One that was an error already is not counted twice.
    world.revisions.hear(wire::Down::Endpoints(Vec::new()));
    world.up("uid-user-2", saying("HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\nhalf").await);
    assert_eq!(get(world.public, &format!("candidate-{HOST}")).await.status, 503);
    assert_eq!(figures(&tally(&world, "user-2").unwrap()), (2, 2, 0, 2));
}

const GRPC: &str = "content-type: application/grpc\r\ncontent-length: 0\r\n\r\n";

const UNAVAILABLE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 14\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn of_grpc_its_own_status_counts_wherever_it_stands() {
    let world = world("Progressing");
    let ask = async |host: &str| answer(call(world.public, host, "/", GRPC).await).await.status;
    // Trailers-Only, as an app or a queue-proxy tells of an error.
    world.up("uid-user-1", saying(UNAVAILABLE).await);
    assert_eq!(ask(HOST).await, 200);
    assert_eq!(figures(&tally(&world, "user-1").unwrap()), (1, 1, 0, 1));
    let candidate = format!("candidate-{HOST}");
    for (code, errors) in [("0", 0), ("5", 0), ("13", 1)] {
        world.revisions.hear(wire::Down::Endpoints(Vec::new()));
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/grpc+proto\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\nhello\r\n0\r\ngrpc-status: {code}\r\n\r\n"
        );
        world.up("uid-user-2", saying(answer.leak()).await);
        assert_eq!(ask(&candidate).await, 200);
        assert_eq!(tally(&world, "user-2").unwrap().errors, errors, "{code}");
    }
    // Who did not ask for gRPC is told nothing in its words.
    world.up("uid-user-1", saying(UNAVAILABLE).await);
    assert_eq!(get(world.public, HOST).await.status, 200);
    assert_eq!(figures(&tally(&world, "user-1").unwrap()), (2, 1, 0, 2));
    let count = |revision: &str, class: &str| {
        let labels = format!("namespace=\"default\",revision=\"{revision}\"");
        world.metric(&format!("todoapp_requests_total{{app=\"user\",code=\"{class}\",{labels}}}"))
    };
    let counts = [("user-1", "5xx"), ("user-1", "2xx"), ("user-2", "2xx"), ("user-2", "4xx"), ("user-2", "5xx")];
    assert_eq!(counts.map(|(revision, class)| count(revision, class)), [(); 5].map(|()| Some("1".to_owned())));
    let posts = |code: u16| {
        let labels = format!("http_request_method=\"POST\",http_response_status_code=\"{code}\"");
        world.metric(&format!("http_server_request_duration_seconds_count{{{labels}}}"))
    };
    assert_eq!([503, 200, 404, 500].map(posts), [(); 4].map(|()| Some("1".to_owned())));
}

#[tokio::test]
async fn who_was_held_has_no_time_and_who_left_did_not_come() {
    let mut world = world("Progressing");
    let (one, two) = (call(world.public, HOST, "/", "").await, call(world.public, HOST, "/", "").await);
    world.demand("uid-user-1", 2).await;
    let full = get(world.public, HOST).await;
    assert_eq!((full.status, full.header("todoapp-error")), (503, "hold-full"));
    drop(two);
    world.demand("uid-user-1", 1).await;
    // It has a body, which is read: so it is our code that notices.
    let two = call(world.public, HOST, "/", "content-length: 9\r\n\r\nhalf").await;
    world.demand("uid-user-1", 2).await;
    drop(two);
    world.demand("uid-user-1", 1).await;
    let pod = Pod::new("a");
    world.up("uid-user-1", pod.address);
    assert_eq!(answer(one).await.status, 200);
    assert_eq!(figures(&tally(&world, "user-1").unwrap()), (2, 1, 1, 1));
}

#[tokio::test]
async fn only_while_a_release_is_under_way() {
    let mut world = world("Promoted");
    let pod = Pod::new("a");
    world.up("uid-user-1", pod.address);
    get(world.public, HOST).await;
    assert_eq!(replay(&world), []);
    release(&mut world, "Progressing");
    let first = replay(&world);
    assert_eq!(first.iter().map(|outcome| figures(&outcome.tally)).collect::<Vec<_>>(), [(0, 0, 0, 0); 2]);
    get(world.public, HOST).await;
    // Another table, the same count.
    release(&mut world, "WaitingForTraffic");
    assert_eq!(figures(&tally(&world, "user-1").unwrap()), (1, 0, 0, 1));
    for over in ["Aborted", "Failed", "Promoted"] {
        release(&mut world, over);
        assert_eq!(replay(&world), [], "{over}");
    }
    get(world.public, HOST).await;
    release(&mut world, "Progressing");
    assert_eq!(figures(&tally(&world, "user-1").unwrap()), (0, 0, 0, 0));
    let second = replay(&world);
    assert!(second.iter().all(|new| first.iter().all(|old| new.count != old.count)), "the hub can tell them apart");
}

#[tokio::test]
async fn news_each_second_and_everything_on_a_new_stream() {
    let world = world("Progressing");
    let reporter = Reporter::new(Arc::clone(&world.revisions));
    let outcomes = |messages: Vec<Up>| {
        let told = messages.into_iter().filter_map(|message| match message {
            Up::Outcomes { replay, outcomes } => Some((replay, outcomes.len())),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(outcomes(reporter.measure(1)), []);
    world.up("uid-user-1", saying(OK).await);
    get(world.public, HOST).await;
    assert_eq!(outcomes(reporter.measure(2)), [(false, 1)]);
    assert_eq!(outcomes(reporter.measure(3)), []);
    assert_eq!(outcomes(runtime::hub::Opening::messages(&*reporter)), [(true, 2)]);
}
