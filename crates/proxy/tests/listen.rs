//! The listener: its bounds, its timeouts, its end, and what is read of held requests.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use http_body_util::BodyExt;
use proxy::{
    Shortage, Sockets,
    body::{Budget, ReadAhead},
    headers,
    listen::Limits,
};
use support::*;
use tokio::sync::Notify;

#[tokio::test]
async fn silent_and_slow_clients_are_shown_the_door() {
    let limits = Limits { head_timeout: Duration::from_millis(100), ..Limits::default() };
    let app = serve_with(|_, _| async { answer("app") }, limits, PATIENCE);
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "GET / HTTP/1.1\r\nhost:"] {
        let mut client = Raw::to(app.address).await;
        client.say(beginning).await;
        client.hear_all().await;
    }
    // A request in time, and then nothing more.
    let mut client = Raw::to(app.address).await;
    client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.hear_all().await.ends_with("app"));
}

#[tokio::test]
async fn a_request_that_takes_long_is_not_a_slow_client() {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let limits = Limits { head_timeout: Duration::from_millis(50), ..Limits::default() };
    let handler = move |_, _| {
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            answer("late")
        }
    };
    let app = serve_with(handler, limits, PATIENCE);
    let mut client = h1(app.address).await;
    let sent = client.send_request(get("/"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    go.notify_one();
    assert_eq!(text(within(sent).await.unwrap()).await, "late");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let app = serve_with(|_, _| async { answer("app") }, limits, PATIENCE);
    let mut inside = Vec::new();
    for _ in 0..2 {
        let mut client = h1(app.address).await;
        text(within(client.send_request(get("/"))).await.unwrap()).await;
        inside.push(client);
    }
    let mut third = h1(app.address).await;
    let mut waiting = std::pin::pin!(third.send_request(get("/")));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(early.is_err(), "served beyond the bound");
    inside.pop();
    assert_eq!(text(within(waiting).await.unwrap()).await, "app");
}

#[tokio::test]
async fn in_turns_everybody_is_served_although_nobody_leaves() {
    let limits = Limits { connections: 2, in_turns: true, ..Limits::default() };
    let app = serve_with(|_, _| async { answer("app") }, limits, PATIENCE);
    let mut first = h1(app.address).await;
    let kept = within(first.send_request(get("/"))).await.unwrap();
    assert!(!kept.headers().contains_key("connection"), "there is a place for another one");
    text(kept).await;
    let mut clients = vec![first];
    for _ in 0..10 {
        clients.push(h1(app.address).await);
    }
    // All at once: each that is inside has to be asked for its place, and none of them closes by itself.
    let answers = clients.iter_mut().map(|client| client.send_request(get("/")));
    for told in within(futures_util::future::join_all(answers)).await {
        assert_eq!(text(told.unwrap()).await, "app");
    }
    clients.clear();
    // The crowd is gone, and connections are kept again.
    within(async {
        loop {
            let mut later = h1(app.address).await;
            if !later.send_request(get("/")).await.unwrap().headers().contains_key("connection") {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_process_may_have_is_a_bound_for_all_listeners_together_and_for_each() {
    let sockets = Arc::new(Sockets::of(104));
    assert_eq!(sockets.most(), 4);
    let limits = Limits { sockets: Arc::clone(&sockets), ..Limits::default() };
    let one = serve_with(|_, _| async { answer("one") }, limits.clone(), PATIENCE);
    let other = serve_with(|_, _| async { answer("other") }, limits, PATIENCE);
    let mut inside = Vec::new();
    for _ in 0..4 {
        inside.push(h1(one.address).await);
    }
    let mut early = std::pin::pin!(inside.pop().unwrap().send_request(get("/")));
    for client in &mut inside {
        text(within(client.send_request(get("/"))).await.unwrap()).await;
    }
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut early).await.is_err(), "three quarters are three");
    assert_eq!((sockets.open(), sockets.shortages(Shortage::Connections)), (3, 1));
    let mut theirs = h1(other.address).await;
    assert_eq!(text(within(theirs.send_request(get("/"))).await.unwrap()).await, "other");
    inside.pop();
    drop(theirs);
    assert_eq!(text(within(early).await.unwrap()).await, "one");
}

#[tokio::test]
async fn the_end_waits_for_what_runs_and_says_so() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (signal, wait) = (Arc::clone(&arrived), Arc::clone(&go));
    let app = serve(move |_, _| {
        let (signal, wait) = (Arc::clone(&signal), Arc::clone(&wait));
        async move {
            signal.notify_one();
            wait.notified().await;
            answer("whole")
        }
    });
    let mut idle = Raw::to(app.address).await;
    let mut client = Raw::to(app.address).await;
    client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within(arrived.notified()).await;
    let mut streams = h2(app.address).await;
    let stream = streams.send_request(get("http://a/"));
    within(arrived.notified()).await;

    app.stop.cancel();
    // An idle connection ends at once, the others when they have been answered.
    assert_eq!(idle.hear_all().await, "");
    go.notify_one();
    go.notify_waiters();
    let heard = tokio::spawn(async move { client.hear_all().await });
    until(|| {
        go.notify_waiters();
        heard.is_finished()
    })
    .await;
    let heard = heard.await.unwrap();
    assert!(heard.contains("connection: close") && heard.ends_with("whole"), "{heard}");
    go.notify_one();
    assert_eq!(text(within(stream).await.unwrap()).await, "whole");
    assert_eq!(within(app.served).await.unwrap(), 0);
}

#[tokio::test]
async fn what_does_not_end_within_the_grace_is_cut() {
    let arrived = Arc::new(Notify::new());
    let signal = Arc::clone(&arrived);
    let handler = move |_, _| {
        signal.notify_one();
        std::future::pending()
    };
    let app = serve_with(handler, Limits::default(), Duration::from_millis(50));
    let mut client = Raw::to(app.address).await;
    client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within(arrived.notified()).await;
    app.stop.cancel();
    assert_eq!(within(app.served).await.unwrap(), 1);
    assert_eq!(client.hear_all().await, "");
}

/// A handler that holds each request until told, reading ahead.
fn holding(budget: Arc<Budget>, go: Arc<Notify>, left: Arc<Notify>) -> Server {
    serve(move |request, _| {
        let (budget, go, left) = (Arc::clone(&budget), Arc::clone(&go), Arc::clone(&left));
        async move {
            let expects = headers::expects_continue(request.headers());
            let (mut body, mut ahead) = (request.into_body(), ReadAhead::new(budget));
            tokio::select! {
                () = go.notified() => {}
                _ = ahead.departed(&mut body), if !expects => {
                    left.notify_one();
                    return answer("nobody reads this");
                }
            }
            answer(ahead.into_body(body).collect().await.unwrap().to_bytes())
        }
    })
}

#[tokio::test]
async fn a_held_request_is_read_within_its_budget_and_passed_on_whole() {
    let budget = Budget::new(100_000, 1_000);
    let (go, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = holding(Arc::clone(&budget), Arc::clone(&go), left);
    for size in [0, 10, 1_000, 500_000] {
        let sent = "x".repeat(size);
        let mut client = h2(app.address).await;
        let mut request = post("/", sent.clone());
        *request.uri_mut() = http::Uri::from_static("http://a/");
        let answer = tokio::spawn(client.send_request(request));
        until(|| budget.used() >= size.min(1_000)).await;
        assert!(budget.used() < 100_000, "{}", budget.used());
        go.notify_one();
        let came = text(within(answer).await.unwrap().unwrap()).await;
        assert!(came == sent, "{} of {size}", came.len());
        until(|| budget.used() == 0).await;
    }
}

#[tokio::test]
async fn a_held_client_that_leaves_amid_its_body_is_noticed() {
    let budget = Budget::new(100_000, 1_000);
    let (go, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = holding(Arc::clone(&budget), go, Arc::clone(&left));
    let mut client = Raw::to(app.address).await;
    client.say("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\nhalf").await;
    until(|| budget.used() == 4).await;
    drop(client);
    within(left.notified()).await;
    until(|| budget.used() == 0).await;
}

#[tokio::test]
async fn a_held_client_that_expects_100_continue_keeps_its_body() {
    let budget = Budget::new(100_000, 1_000);
    let (go, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = holding(budget, Arc::clone(&go), left);
    let mut client = Raw::to(app.address).await;
    client
        .say("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\n")
        .await;
    let mut first = [0];
    let early = tokio::time::timeout(Duration::from_millis(100), client.0.peek(&mut first)).await;
    assert!(early.is_err(), "told to send while held");
    go.notify_one();
    client.hear("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.say("ok").await;
    assert!(client.hear_all().await.ends_with("ok"));
}

#[tokio::test]
async fn an_answer_of_ours_says_that_it_is_ours() {
    let app = serve(|_, _| async { proxy::Failure::GateFull.into_response() });
    let mut client = h1(app.address).await;
    let response = within(client.send_request(get("/"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["todoapp-error"], "gate-full");
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(text(response).await.lines().count(), 1);
}
