//! Through two proxies, as every request goes: activator and queue-proxy.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, channel::Channel};
use hyper::body::Incoming;
use proxy::{
    Body, BoxError,
    headers::Entry,
    listen::{ConnInfo, Limits},
    upstream::{Pool, PoolLimits},
};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::Protocol::{self, H2c, Http1};

/// Two proxies before an app of this protocol.
fn chain(app: SocketAddr, protocol: Protocol) -> [Server; 2] {
    let near = proxy(app, protocol);
    let far = proxy(near.address, protocol);
    [far, near]
}

#[tokio::test]
async fn streams_flow_both_ways_at_once_and_end_with_trailers() {
    let app = serve(|request: Request<Incoming>, _| async move {
        assert_eq!(request.version(), Version::HTTP_2);
        let (mut back, body) = Channel::<Bytes, BoxError>::new(1);
        tokio::spawn(async move {
            let mut request = request.into_body();
            while let Some(Ok(frame)) = request.frame().await {
                match frame.into_data() {
                    Ok(data) => back.send_data(data).await.unwrap(),
                    Err(frame) => {
                        let mut trailers = frame.into_trailers().unwrap();
                        trailers.insert("grpc-status", HeaderValue::from_static("0"));
                        back.send_trailers(trailers).await.unwrap();
                    }
                }
            }
        });
        Response::new(Body::boxed(body))
    });
    let [far, _near] = chain(app.address, H2c);
    let mut client = h2(far.address).await;
    let (mut upload, body) = Channel::<Bytes, BoxError>::new(1);
    let request = Request::post("http://a/pkg.Service/Chat").header("te", "trailers").body(Body::boxed(body)).unwrap();
    let mut answer = within(client.send_request(request)).await.unwrap().into_body();
    for said in ["one", "two", "three"] {
        upload.send_data(Bytes::from(said)).await.unwrap();
        let heard = within(answer.frame()).await.unwrap().unwrap();
        assert_eq!(heard.into_data().unwrap(), said);
    }
    let trailers: HeaderMap =
        [(http::HeaderName::from_static("x-sum"), HeaderValue::from_static("3"))].into_iter().collect();
    upload.send_trailers(trailers).await.unwrap();
    drop(upload);
    let end = within(answer.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!((&end["x-sum"], &end["grpc-status"]), (&HeaderValue::from_static("3"), &HeaderValue::from_static("0")));
}

/// The activator adds to a head, and the queue-proxy must not refuse it for that.
#[tokio::test]
async fn a_head_at_its_bounds_that_was_let_in_is_let_in_again() {
    let roomy = Limits { headers: 200, head_bytes: 64 << 10, ..Limits::default() };
    let count = |request: Request<Incoming>, _| async move { answer(format!("{} fields", request.headers().len())) };
    let app = serve_with(count, roomy, PATIENCE);
    for protocol in [Http1, H2c] {
        let pool = Arc::new(Pool::new(PoolLimits::default()));
        let onward = {
            let (pool, app) = (Arc::clone(&pool), app.address);
            move |request, info| pass(Arc::clone(&pool), app, Http1, request, info, PATIENCE)
        };
        let near = serve_with(onward, Limits::behind_ours(), PATIENCE);
        let (to, entry) = (near.address, Entry::default());
        let far = serve(move |mut request: Request<Incoming>, info: ConnInfo| {
            entry.admit(&mut request, info.peer.ip()).unwrap();
            pass(Arc::clone(&pool), to, protocol, request, info, PATIENCE)
        });
        let (host, fields) = ("a".repeat(255), "x: y\r\n".repeat(97));
        let sent = |last: &str| format!("GET / HTTP/1.1\r\nhost: {host}\r\nte: trailers\r\n{fields}z: {last}\r\n\r\n");
        let room = Limits::default().head_bytes - sent("").len();
        let mut client = Raw::to(far.address).await;
        client.say(&sent(&"z".repeat(room))).await;
        let heard = client.hear(" fields").await;
        assert!(heard.starts_with("HTTP/1.1 200 OK"), "{protocol:?}: {heard}");
    }
}

#[tokio::test]
async fn events_are_not_held_back() {
    for protocol in [Http1, H2c] {
        let app = serve(|_, _| async {
            let (mut events, body) = Channel::<Bytes, BoxError>::new(1);
            tokio::spawn(async move {
                // The next one only if there is room for it: the one before has been passed on.
                while events.send_data(Bytes::from("data: 1\n\n")).await.is_ok() {}
            });
            Response::builder().header("content-type", "text/event-stream").body(Body::boxed(body)).unwrap()
        });
        let [far, _near] = chain(app.address, protocol);
        for http2 in [false, true] {
            let request = Request::get("http://a/").header("host", "a").body(Body::empty()).unwrap();
            let sent = if http2 {
                h2(far.address).await.send_request(request).await
            } else {
                h1(far.address).await.send_request(request).await
            };
            let mut events = sent.unwrap().into_body();
            for _ in 0..3 {
                let event = within(events.frame()).await.unwrap().unwrap();
                assert!(event.into_data().unwrap().starts_with(b"data: 1"));
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_for_leave_gets_it_and_an_app_that_refuses_is_heard() {
    let app = serve(|request: Request<Incoming>, _| async move {
        if request.uri().path() == "/refuse" {
            return Response::builder().status(StatusCode::UNAUTHORIZED).body(Body::full("no")).unwrap();
        }
        answer(read(request).await)
    });
    for protocol in [Http1, H2c] {
        let [far, _near] = chain(app.address, protocol);
        let ask =
            |path| format!("POST {path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
        let mut client = Raw::to(far.address).await;
        client.say(&ask("/")).await;
        assert_eq!(client.hear("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.say("hello").await;
        let heard = client.hear("hello").await;
        // Once, not once for each that is on the way.
        assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");

        let mut client = Raw::to(far.address).await;
        client.say(&ask("/refuse")).await;
        let mut heard = client.hear("\r\n\r\n").await;
        if heard.contains(" 100 ") {
            client.say("hello").await;
            heard = client.hear("\r\n\r\n").await;
        }
        assert!(heard.starts_with("HTTP/1.1 401 "), "{heard}");
    }
}

/// An app that says this to every request, byte for byte.
fn saying(answer: &'static str) -> SocketAddr {
    let (listener, address) = listener();
    tokio::spawn(async move {
        loop {
            let (mut io, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                while io.read(&mut head).await.is_ok_and(|read| read > 0) {
                    io.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn hints_that_an_app_gives_before_its_answer_do_no_harm() {
    // hyper's server cannot send them (role.rs: "response with 1xx status code not supported"), so they end at us.
    let text = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </b.css>\r\n\r\n\
                HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let [far, _near] = chain(saying(text), Http1);
    let mut client = Raw::to(far.address).await;
    for _ in 0..2 {
        client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let heard = client.hear("ok").await;
        assert!(heard.starts_with("HTTP/1.1 200 ") && !heard.contains("link"), "{heard}");
    }
}

#[tokio::test]
async fn answers_that_have_no_body_get_none() {
    for (method, answer, expected) in [
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", " 204 "),
        ("HEAD", "HTTP/1.1 204 No Content\r\ncontent-length: \r\n\r\n", " 204 "),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: \"x\"\r\n\r\n", " 304 "),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "content-length: 5"),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", " 200 "),
    ] {
        let [far, _near] = chain(saying(answer), Http1);
        let mut client = Raw::to(far.address).await;
        // The second answer begins right behind the first head: nothing is between them.
        for _ in 0..2 {
            client.say(&format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n")).await;
            let heard = client.hear("\r\n\r\n").await;
            assert!(heard.starts_with("HTTP/1.1 ") && heard.contains(expected), "{heard}");
            let framing = heard.contains("transfer-encoding") || heard.contains("content-length");
            assert!(!heard.contains(" 204 ") || !framing, "{heard}");
        }
        let request = Request::builder().method(method).uri("http://a/").body(Body::empty()).unwrap();
        let response = within(h2(far.address).await.send_request(request)).await.unwrap();
        assert_eq!(text(response).await, "");
    }
}

#[tokio::test]
async fn an_answer_that_the_app_breaks_off_is_broken_for_the_client_too() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let (listener, address) = listener();
        tokio::spawn(async move {
            loop {
                let (mut io, _) = listener.accept().await.unwrap();
                let _ = io.read(&mut [0; 4096]).await;
                io.write_all(text.as_bytes()).await.unwrap();
            }
        });
        let [far, _near] = chain(address, Http1);
        let request = || Request::get("http://a/").header("host", "a").body(Body::empty()).unwrap();
        let first = h1(far.address).await.send_request(request()).await.unwrap();
        let second = h2(far.address).await.send_request(request()).await.unwrap();
        for (which, response) in [("h1", first), ("h2", second)] {
            assert!(within(response.into_body().collect()).await.is_err(), "a clean end: {which} {text}");
        }
        let mut client = Raw::to(far.address).await;
        client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let heard = client.hear_all().await;
        assert!(!heard.ends_with("0\r\n\r\n"), "{heard}");
    }
}
