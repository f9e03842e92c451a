//! Every protocol through a proxy, against every kind of upstream.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, channel::Channel};
use hyper::body::Incoming;
use proxy::{Body, BoxError};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::Protocol::{H2c, Http1};

/// Says back what it was told.
fn echo(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut response = Response::new(Body::empty());
    let said = response.headers_mut();
    let host = head.headers.get("host").cloned();
    let authority = head.uri.authority().map(|a| a.as_str().to_owned());
    said.insert(
        "x-host",
        host.or(authority.and_then(|a| HeaderValue::try_from(a).ok())).unwrap_or(HeaderValue::from_static("none")),
    );
    said.insert("x-path", HeaderValue::try_from(head.uri.path()).unwrap());
    said.insert("x-version", HeaderValue::try_from(format!("{:?}", head.version)).unwrap());
    for name in ["x-forwarded-for", "te", "cookie", "connection"] {
        if let Some(value) = head.headers.get(name) {
            said.insert(http::HeaderName::try_from(format!("x-got-{name}")).unwrap(), value.clone());
        }
    }
    // Passed back as it comes: what is not buffered anywhere arrives while the request is still being sent.
    *response.body_mut() = Body::boxed(body);
    response
}

#[tokio::test]
async fn every_client_reaches_every_upstream() {
    let app = serve(|request, _| std::future::ready(echo(request)));
    for (protocol, seen) in [(Http1, "HTTP/1.1"), (H2c, "HTTP/2.0")] {
        let proxy = proxy(app.address, protocol);
        let mut client = h1(proxy.address).await;
        let response = within(client.send_request(post("/a?b", "hello"))).await.unwrap();
        assert_eq!(response.headers()["x-host"], "app.example");
        assert_eq!(response.headers()["x-path"], "/a");
        assert_eq!(response.headers()["x-version"], seen);
        assert_eq!(response.headers()["x-got-x-forwarded-for"], "127.0.0.1");
        assert_eq!(text(response).await, "hello");

        let mut client = h2(proxy.address).await;
        let request = Request::post("http://other.example:81/a?b")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Body::full("hello"))
            .unwrap();
        let response = within(client.send_request(request)).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.headers()["x-host"], "other.example:81");
        assert_eq!(response.headers()["x-version"], seen);
        assert_eq!(text(response).await, "hello");
    }
}

#[tokio::test]
async fn bodies_flow_both_ways_at_once_without_being_gathered() {
    let app = serve(|request, _| std::future::ready(echo(request)));
    for protocol in [Http1, H2c] {
        let proxy = proxy(app.address, protocol);
        let (mut upload, body) = Channel::<Bytes, BoxError>::new(1);
        let request = Request::post("/").header("host", "a").body(Body::boxed(body)).unwrap();
        let mut client = h1(proxy.address).await;
        upload.send_data(Bytes::from("one")).await.unwrap();
        let mut response = within(client.send_request(request)).await.unwrap().into_body();
        for (came, next) in [("one", "two"), ("two", "three"), ("three", "")] {
            let frame = within(response.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), came);
            if next.is_empty() {
                break;
            }
            upload.send_data(Bytes::from(next)).await.unwrap();
        }
        drop(upload);
        assert!(within(response.frame()).await.is_none());
    }
}

#[tokio::test]
async fn large_bodies_arrive_whole() {
    let app = serve(|request, _| std::future::ready(echo(request)));
    let sent = Bytes::from((0..3_000_000_u32).map(|n| n as u8).collect::<Vec<_>>());
    for protocol in [Http1, H2c] {
        let proxy = proxy(app.address, protocol);
        let mut client = h1(proxy.address).await;
        let response = within(client.send_request(post("/", sent.clone()))).await.unwrap();
        let came = within(response.into_body().collect()).await.unwrap().to_bytes();
        assert!(came == sent, "{} of {}", came.len(), sent.len());
    }
}

#[tokio::test]
async fn trailers_pass_as_grpc_needs_them() {
    let app = serve(|request: Request<Incoming>, _| async move {
        assert_eq!(request.headers()["te"], "trailers");
        let body = request.into_body().collect().await.unwrap();
        let asked = body.trailers().unwrap()["x-sum"].clone();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert("x-sum", asked);
        let frames = [Ok::<_, BoxError>(Frame::data(body.to_bytes())), Ok(Frame::trailers(trailers))];
        let mut response = Response::new(Body::boxed(StreamBody::new(Frames(frames.into_iter()))));
        let head = response.headers_mut();
        head.insert("trailer", HeaderValue::from_static("grpc-status, x-sum"));
        head.insert("content-type", HeaderValue::from_static("application/grpc"));
        response
    });
    for protocol in [H2c, Http1] {
        let proxy = proxy(app.address, protocol);
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("7"));
        let frames = [Ok::<_, BoxError>(Frame::data(Bytes::from("ping"))), Ok(Frame::trailers(trailers))];
        let request = Request::post("http://a/pkg.Service/Method")
            .header("te", "trailers")
            .header("trailer", "x-sum")
            .body(Body::boxed(StreamBody::new(Frames(frames.into_iter()))))
            .unwrap();
        let mut client = h2(proxy.address).await;
        let response = within(client.send_request(request)).await.unwrap();
        let body = within(response.into_body().collect()).await.unwrap();
        let trailers = body.trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "0", "{protocol:?}");
        assert_eq!(trailers["x-sum"], "7", "{protocol:?}");
        assert_eq!(body.to_bytes(), "ping");
    }
}

/// The frames of an array as a stream.
struct Frames<I>(I);

impl<I: Iterator + Unpin> futures_util::Stream for Frames<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

#[tokio::test]
async fn a_websocket_like_upgrade_is_spliced() {
    let app = serve(|mut request: Request<Incoming>, _| async move {
        assert_eq!(request.headers()["upgrade"], "websocket");
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
            let mut buffer = [0; 64];
            loop {
                let read = io.read(&mut buffer).await.unwrap();
                if read == 0 {
                    io.write_all(b"bye").await.unwrap();
                    break;
                }
                io.write_all(&buffer[..read]).await.unwrap();
            }
        });
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", "x")
            .body(Body::empty())
            .unwrap()
    });
    let proxy = proxy(app.address, Http1);
    let mut client = Raw::to(proxy.address).await;
    client.say("GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\n").await;
    let head = client.hear("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("upgrade: websocket"), "{head}");
    assert!(head.contains("sec-websocket-accept: x"), "{head}");
    client.say("ping").await;
    client.hear("ping").await;

    // The listener waits for the tunnel, and the tunnel's end is passed on half by half.
    proxy.stop.cancel();
    client.say("pong").await;
    client.hear("pong").await;
    client.0.shutdown().await.unwrap();
    assert_eq!(client.hear_all().await, "bye");
    assert_eq!(within(proxy.served).await.unwrap(), 0);
}

#[tokio::test]
async fn h2c_by_upgrade_is_not_offered() {
    let app = serve(|request, _| std::future::ready(echo(request)));
    let proxy = proxy(app.address, Http1);
    let mut client = Raw::to(proxy.address).await;
    client
        .say("GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n")
        .await;
    let answer = client.hear_all().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!answer.contains("x-got-connection"), "{answer}");
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_refused() {
    let app = serve(|_, _| async {
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("connection", "upgrade")
            .header("upgrade", "secret")
            .body(Body::empty())
            .unwrap()
    });
    let proxy = proxy(app.address, Http1);
    let mut client = h1(proxy.address).await;
    let response = within(client.send_request(get("/"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(response.headers()["todoapp-error"], "upstream-broken");
}

#[tokio::test]
async fn server_sent_events_are_not_held_back() {
    let app = serve(|_, _| async {
        let (mut events, body) = Channel::<Bytes, BoxError>::new(1);
        tokio::spawn(async move {
            // Bounded by one: the second goes out only if the first was passed on. It never ends by itself.
            loop {
                if events.send_data(Bytes::from("data: 1\n\n")).await.is_err() {
                    break;
                }
            }
        });
        let mut response = Response::new(Body::boxed(body));
        let kind = HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert("content-type", kind);
        response
    });
    let proxy = proxy(app.address, Http1);
    let mut client = h1(proxy.address).await;
    let mut events = within(client.send_request(get("/"))).await.unwrap().into_body();
    for _ in 0..3 {
        let event = within(events.frame()).await.unwrap().unwrap();
        assert!(event.into_data().unwrap().starts_with(b"data: 1"));
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_told_when_the_body_is_read() {
    let app = serve(|request, _| std::future::ready(echo(request)));
    let proxy = proxy(app.address, Http1);
    let mut client = Raw::to(proxy.address).await;
    client
        .say("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(client.hear("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.say("hello").await;
    let answer = client.hear_all().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn answers_without_a_body_keep_their_length() {
    let app = serve(|request: Request<Incoming>, _| async move {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert("content-length", HeaderValue::from_static("10"));
        if request.method() == http::Method::GET {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        response
    });
    let proxy = proxy(app.address, Http1);
    let mut client = h1(proxy.address).await;
    let head = Request::head("/").header("host", "a").body(Body::empty()).unwrap();
    let response = within(client.send_request(head)).await.unwrap();
    assert_eq!(response.headers()["content-length"], "10");
    within(client.ready()).await.unwrap();
    let response = within(client.send_request(get("/"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn an_http10_client_gets_a_whole_answer_and_the_end() {
    let app = serve(|request, _| std::future::ready(echo(request)));
    let proxy = proxy(app.address, Http1);
    let mut client = Raw::to(proxy.address).await;
    client.say("POST / HTTP/1.0\r\ncontent-length: 5\r\n\r\nhello").await;
    let answer = client.hear_all().await;
    assert!(answer.contains(" 200 OK"), "{answer}");
    assert!(!answer.contains("chunked"), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_get_with_a_chunked_body_keeps_it() {
    let app = serve(|request, _| std::future::ready(echo(request)));
    for protocol in [Http1, H2c] {
        let proxy = proxy(app.address, protocol);
        let mut client = Raw::to(proxy.address).await;
        client
            .say("GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            .await;
        let answer = client.hear_all().await;
        assert!(answer.contains("hello"), "{answer}");
    }
}
