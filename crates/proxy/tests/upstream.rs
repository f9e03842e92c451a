//! The pool: reuse, what is given back, what is tried again, and time.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, channel::Channel};
use hyper::body::Incoming;
use proxy::{
    Body, BoxError, Failure, Shortage, Sockets,
    forward::{self, Failed},
    listen::{ConnInfo, Limits},
    upstream::{Cause, Pool, PoolLimits, SendError},
};
use support::*;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use wire::Protocol::{self, H2c, Http1};

/// Answers with the port that the request came from, which names its connection.
async fn connection(_: Request<Incoming>, info: ConnInfo) -> Response<Body> {
    answer(info.peer.port().to_string())
}

fn pool() -> Pool {
    Pool::new(PoolLimits::default())
}

async fn send(pool: &Pool, to: SocketAddr, protocol: Protocol, request: Request<Body>) -> String {
    let response = within(pool.send(to, protocol, request)).await.unwrap();
    let body = within(response.into_body().collect()).await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// An address that refuses connections.
fn nobody() -> SocketAddr {
    let (listener, address) = listener();
    drop(listener);
    address
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_answer_is_over() {
    let app = serve(connection);
    let pool = pool();
    let first = send(&pool, app.address, Http1, get("/")).await;
    until(|| pool.idle() == 1).await;
    assert_eq!(send(&pool, app.address, Http1, get("/")).await, first);

    // An answer that is not read to its end keeps its connection to itself.
    let unread = within(pool.send(app.address, Http1, get("/"))).await.unwrap();
    assert_eq!(pool.idle(), 0);
    let second = send(&pool, app.address, Http1, get("/")).await;
    assert_ne!(second, first);
    drop(unread);
    until(|| pool.idle() == 1).await;
    assert_eq!(send(&pool, app.address, Http1, get("/")).await, second);
}

#[tokio::test]
async fn streams_share_one_http2_connection_and_spill_over_to_the_next() {
    let (arrived, go) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let limits = Limits { h2_streams: 10, ..Limits::default() };
    let (count, wait) = (Arc::clone(&arrived), go.clone());
    let app = serve_with(
        move |request, info| {
            let (count, wait) = (Arc::clone(&count), wait.clone());
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                wait.cancelled().await;
                connection(request, info).await
            }
        },
        limits,
        PATIENCE,
    );
    let pool = pool();
    let sent: Vec<_> = (0..25)
        .map(|_| {
            let (pool, to) = (pool.clone(), app.address);
            tokio::spawn(async move { send(&pool, to, H2c, get("/")).await })
        })
        .collect();
    until(|| arrived.load(Ordering::Relaxed) == 25).await;
    go.cancel();
    let mut connections = Vec::new();
    for sent in sent {
        connections.push(within(sent).await.unwrap());
    }
    connections.sort();
    connections.dedup();
    assert_eq!(connections.len(), 3, "{connections:?}");
}

#[tokio::test]
async fn what_the_process_may_have_is_not_exceeded_and_nobody_else_is_blamed() {
    for protocol in [Http1, H2c] {
        let (one, other) = (serve(connection), serve(connection));
        let sockets = Arc::new(Sockets::of(98));
        assert_eq!(sockets.most(), 1);
        let pool = Pool::new(PoolLimits { sockets: Arc::clone(&sockets), ..PoolLimits::default() });
        let unread = within(pool.send(one.address, protocol, get("/"))).await.unwrap();
        let sent = within(pool.send(other.address, protocol, post("/", "hello"))).await;
        let Err(SendError::Unsent { request, cause }) = sent else { panic!("{sent:?}") };
        assert_eq!(cause.shortage(), Some(Shortage::Connections));
        assert_eq!(Failure::from(Failed::Send(SendError::Unsent { request, cause })).reason(), "exhausted");
        assert_eq!(sockets.shortages(Shortage::Connections), 1);
        // The one that is not used any more makes room, although it is another address's.
        unread.into_body().collect().await.unwrap();
        let failed = within(pool.send(other.address, protocol, get("/"))).await.is_err();
        assert!(failed, "the first has to find it full to make room");
        let mut again = None;
        within(async {
            while again.is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
                again = pool.send(other.address, protocol, get("/")).await.ok();
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_request_that_met_nobody_is_given_back_whole() {
    for protocol in [Http1, H2c] {
        let pool = pool();
        let failed = within(pool.send(nobody(), protocol, post("/a", "body"))).await;
        let Err(SendError::Unsent { request, cause }) = failed else { panic!("{failed:?}") };
        assert!(matches!(cause, Cause::Connect(_)), "{cause}");
        // Elsewhere it succeeds, body and all, whatever is spoken there.
        let app = serve(|request, _| async { answer(read(request).await) });
        assert_eq!(send(&pool, app.address, Http1, *request).await, "body");
    }
}

#[tokio::test]
async fn an_upstream_that_speaks_no_http2_gets_no_request() {
    let (listener, address) = listener();
    tokio::spawn(async move {
        loop {
            let mut raw = Raw(listener.accept().await.unwrap().0);
            raw.say("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let failed = within(pool().send(address, H2c, post("/", "x"))).await;
    assert!(matches!(failed, Err(SendError::Unsent { .. })), "{failed:?}");
}

#[tokio::test]
async fn many_requests_to_a_dead_http2_upstream_fail_together() {
    let (pool, to) = (pool(), nobody());
    let sent: Vec<_> = (0..100)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.send(to, H2c, get("/")).await })
        })
        .collect();
    for sent in sent {
        let failed = within(sent).await.unwrap();
        assert!(matches!(failed, Err(SendError::Unsent { .. })), "{failed:?}");
    }
}

/// Serves one request a connection and closes it afterwards without having said so.
fn closes_silently(answers: usize) -> (SocketAddr, Arc<Notify>) {
    let (listener, address) = listener();
    let closed = Arc::new(Notify::new());
    let notify = Arc::clone(&closed);
    tokio::spawn(async move {
        for _ in 0..answers {
            let mut raw = Raw(listener.accept().await.unwrap().0);
            raw.hear("\r\n\r\n").await;
            raw.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            drop(raw);
            notify.notify_one();
        }
    });
    (address, closed)
}

#[tokio::test]
async fn a_connection_found_closed_is_replaced_by_a_new_one() {
    let (address, closed) = closes_silently(3);
    let pool = pool();
    for _ in 0..3 {
        // POST: it may not be sent twice, so it must not have been sent at all.
        assert_eq!(send(&pool, address, Http1, post("/", "x")).await, "ok");
        within(closed.notified()).await;
    }
}

#[tokio::test]
async fn a_request_that_may_be_repeated_survives_a_connection_that_was_closing() {
    let (listener, address) = listener();
    let served = tokio::spawn(async move {
        let mut first = Raw(listener.accept().await.unwrap().0);
        first.hear("\r\n\r\n").await;
        first.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        // The second request is read and not answered, as by a server whose patience ended at that moment.
        first.hear("\r\n\r\n").await;
        drop(first);
        let mut second = Raw(listener.accept().await.unwrap().0);
        second.hear("\r\n\r\n").await;
        second.say("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nnew").await;
    });
    let pool = pool();
    assert_eq!(send(&pool, address, Http1, get("/")).await, "ok");
    // Long enough unused to be doubtful.
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(send(&pool, address, Http1, get("/")).await, "new");
    within(served).await.unwrap();
}

#[tokio::test]
async fn after_a_connection_broke_those_that_were_free_are_not_used() {
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    for last_words in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let (listener, address) = listener();
        let pool = pool();
        let ask = || {
            let pool = pool.clone();
            tokio::spawn(async move {
                let answer = pool.send(address, Http1, get("/")).await.ok()?;
                answer.into_body().collect().await.ok()
            })
        };
        let mut connections = Vec::new();
        for _ in 0..2 {
            drop(ask());
            let mut raw = Raw(listener.accept().await.unwrap().0);
            raw.hear("\r\n\r\n").await;
            connections.push(raw);
        }
        for (at, raw) in connections.iter_mut().enumerate() {
            raw.say(OK).await;
            until(|| pool.idle() == at + 1).await;
        }
        let mut warmest = connections.pop().unwrap();
        let broken = ask();
        warmest.hear("\r\n\r\n").await;
        warmest.say(last_words).await;
        // The process is gone, and of the other connection nobody has heard it yet.
        drop(warmest);
        assert!(within(broken).await.unwrap().is_none());

        let next = ask();
        let mut new = Raw(within(listener.accept()).await.unwrap().0);
        new.hear("\r\n\r\n").await;
        new.say(OK).await;
        assert_eq!(within(next).await.unwrap().unwrap().to_bytes(), "ok");
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_acted_on_is_not_repeated() {
    let (listener, address) = listener();
    tokio::spawn(async move {
        loop {
            let mut raw = Raw(listener.accept().await.unwrap().0);
            raw.hear("\r\n\r\nx").await;
        }
    });
    let failed = within(pool().send(address, Http1, post("/", "x"))).await;
    assert!(matches!(failed, Err(SendError::Broken(_))), "{failed:?}");
}

#[tokio::test]
async fn retired_and_unused_connections_are_closed() {
    let app = serve(connection);
    let pool = Pool::new(PoolLimits { idle_timeout: Duration::from_millis(50), ..PoolLimits::default() });
    let first = send(&pool, app.address, Http1, get("/")).await;
    pool.retire(app.address);
    assert_eq!(pool.idle(), 0);
    assert_ne!(send(&pool, app.address, Http1, get("/")).await, first);
    until(|| pool.idle() == 0).await;
    send(&pool, app.address, H2c, get("/")).await;
}

#[tokio::test]
async fn http2_goes_on_over_a_new_connection_when_the_old_one_ends() {
    let pool = pool();
    let (listener, address) = listener();
    let mut listener = Some(listener);
    for _ in 0..3 {
        let stop = CancellationToken::new();
        let served = tokio::spawn(proxy::listen::serve(
            listener.take().unwrap(),
            connection,
            Limits::default(),
            stop.clone(),
            PATIENCE,
        ));
        send(&pool, address, H2c, get("/")).await;
        stop.cancel();
        assert_eq!(within(served).await.unwrap(), 0);
        listener = Some(proxy::net::bind(address).unwrap());
    }
}

#[tokio::test]
async fn time_ends_before_the_head_with_504_and_after_it_with_a_break() {
    let app = serve(|request: Request<Incoming>, _| async move {
        if request.uri().path() == "/silent" {
            std::future::pending::<()>().await;
        }
        let (mut part, body) = Channel::<Bytes, BoxError>::new(1);
        tokio::spawn(async move {
            part.send_data(Bytes::from("half")).await.unwrap();
            std::future::pending::<()>().await;
            drop(part);
        });
        Response::new(Body::boxed(body))
    });
    for protocol in [Http1, H2c] {
        let pool = pool();
        let soon = || Instant::now() + Duration::from_millis(100);
        let failed = forward::send(&pool, app.address, protocol, get("/silent"), soon()).await;
        assert!(matches!(failed, Err(Failed::Timeout)), "{failed:?}");

        let proxy = proxy_with(app.address, protocol, pool, Duration::from_millis(100));
        let mut client = h1(proxy.address).await;
        let mut body = within(client.send_request(get("/"))).await.unwrap().into_body();
        let frame = within(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "half");
        let end = within(body.frame()).await;
        assert!(matches!(end, Some(Err(_))), "a clean end: {end:?}");
    }
}

/// Tells when it is dropped.
struct Leaves(Arc<Notify>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    let (arrived, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (signal, leaves) = (Arc::clone(&arrived), Arc::clone(&left));
    let app = serve(move |_, _| {
        let (signal, leaves) = (Arc::clone(&signal), Leaves(Arc::clone(&leaves)));
        async move {
            let _leaves = leaves;
            signal.notify_one();
            std::future::pending().await
        }
    });
    for protocol in [Http1, H2c] {
        let proxy = proxy(app.address, protocol);
        let mut client = Raw::to(proxy.address).await;
        client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        within(arrived.notified()).await;
        drop(client);
        within(left.notified()).await;
    }
}
