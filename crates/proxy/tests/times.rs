//! The times of a request, on virtual time and pipes.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, channel::Channel};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use proxy::{
    Body, BoxError, Failure,
    forward::{self, Forwarded, Times},
    listen::{self, ConnInfo, Limits},
    net::{Accept, Accepted, Dial},
    upstream::{Pool, PoolLimits},
};
use support::{H1, PATIENCE, get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::{Mutex, mpsc},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use wire::Protocol::{self, H2c, Http1};

const SECOND: Duration = Duration::from_secs(1);
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// Dials a listener by a pipe.
#[derive(Clone)]
struct Pipe(mpsc::Sender<DuplexStream>);

struct Pipes(Mutex<mpsc::Receiver<DuplexStream>>);

impl Dial for Pipe {
    type Io = DuplexStream;

    async fn dial(&self, _: SocketAddr) -> io::Result<DuplexStream> {
        let (ours, theirs) = duplex(64 << 10);
        self.0.send(theirs).await.map_err(io::Error::other)?;
        Ok(ours)
    }
}

impl Accept for Pipes {
    type Io = DuplexStream;

    async fn accept(&self) -> io::Result<Accepted<DuplexStream>> {
        match self.0.lock().await.recv().await {
            Some(io) => Ok(Accepted { io, peer: ANY, local: ANY }),
            None => std::future::pending().await,
        }
    }
}

fn serve<H, F>(handler: H) -> Pipe
where
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(1);
    let pipes = Pipes(Mutex::new(receiver));
    tokio::spawn(listen::serve(pipes, handler, Limits::default(), CancellationToken::new(), PATIENCE));
    Pipe(sender)
}

/// A client of a proxy before `app`. The request has ten seconds, and what `times` says.
async fn client(app: Pipe, protocol: Protocol, times: impl Fn(Times) -> Times + Send + Sync + 'static) -> H1 {
    let (pool, times) = (Arc::new(Pool::with_dial(PoolLimits::default(), app)), Arc::new(times));
    let proxy = serve(move |mut request, info| {
        let (pool, times) = (Arc::clone(&pool), Arc::clone(&times));
        async move {
            let passage = forward::outbound(&mut request, &info, Forwarded::Overwrite);
            let times = times(Times::from(Instant::now() + 10 * SECOND));
            let request = request.map(|body| times.watch(Body::incoming(body)));
            match forward::send(&pool, ANY, protocol, request, times).await {
                Ok(response) => forward::inbound(response, passage, &info, ()),
                Err(failed) => Failure::from(failed).into_response(),
            }
        }
    });
    let io = TokioIo::new(proxy.dial(ANY).await.unwrap());
    let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

/// Says `pieces` pieces in so many seconds each, and then nothing more.
fn slowly(pieces: u32, pause: Duration) -> Body {
    let (mut part, body) = Channel::<Bytes, BoxError>::new(1);
    tokio::spawn(async move {
        for _ in 0..pieces {
            sleep(pause).await;
            if part.send_data(Bytes::from_static(b"x")).await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    });
    Body::boxed(body)
}

fn reason(response: &Response<Incoming>) -> (u16, &str) {
    (response.status().as_u16(), response.headers().get("todoapp-error").map_or("", |reason| reason.to_str().unwrap()))
}

/// How much came before the body broke; a body that ended well is a failure.
async fn until_break(response: Response<Incoming>) -> usize {
    let (mut body, mut came) = (response.into_body(), 0);
    loop {
        match body.frame().await {
            Some(Ok(frame)) => came += frame.into_data().unwrap().len(),
            Some(Err(_)) => return came,
            None => panic!("a clean end after {came}"),
        }
    }
}

/// Whole tenths of a second since `begun`.
fn tenths(begun: Instant) -> u128 {
    begun.elapsed().as_millis() / 100
}

#[tokio::test(start_paused = true)]
async fn a_silent_app_meets_the_first_of_its_bounds() {
    type Bound = fn(Times) -> Times;
    let bounds: [(Bound, u128, &str); 4] = [
        (|times| times, 100, "request-timeout"),
        (|times| times.head_within(2 * SECOND), 20, "response-start-timeout"),
        (|times| times.head_within(3 * SECOND).idle_within(SECOND), 10, "idle-timeout"),
        (|times| times.head_within(20 * SECOND).idle_within(20 * SECOND), 100, "request-timeout"),
    ];
    for protocol in [Http1, H2c] {
        for (times, expected, why) in bounds {
            let app = serve(|_, _| std::future::pending());
            let mut client = client(app, protocol, times).await;
            let begun = Instant::now();
            let response = client.send_request(get("/")).await.unwrap();
            assert_eq!((reason(&response), tenths(begun)), ((504, why), expected), "{protocol:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_begun_is_bound_by_its_whole_time_alone() {
    for protocol in [Http1, H2c] {
        let app = serve(|_, _| async {
            sleep(SECOND).await;
            Response::new(slowly(20, SECOND))
        });
        let mut client = client(app, protocol, |times| times.head_within(2 * SECOND)).await;
        let begun = Instant::now();
        let response = client.send_request(get("/")).await.unwrap();
        assert_eq!(reason(&response), (200, ""));
        assert_eq!((until_break(response).await, tenths(begun)), (8, 100), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_moves_is_alive_and_one_that_does_not_breaks() {
    for protocol in [Http1, H2c] {
        let app = serve(|_, _| async { Response::new(slowly(5, SECOND)) });
        let mut client = client(app, protocol, |times| times.idle_within(2 * SECOND)).await;
        let begun = Instant::now();
        let response = client.send_request(get("/")).await.unwrap();
        assert_eq!((until_break(response).await, tenths(begun)), (5, 70), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_moves_is_alive_and_one_that_does_not_is_answered() {
    for protocol in [Http1, H2c] {
        let app = serve(|request: Request<Incoming>, _| async move {
            let _ = request.into_body().collect().await;
            Response::new(Body::empty())
        });
        let mut client = client(app, protocol, |times| times.idle_within(2 * SECOND)).await;
        let begun = Instant::now();
        let request = Request::post("/").header("host", "a").body(slowly(5, SECOND)).unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!((reason(&response), tenths(begun)), ((504, "idle-timeout"), 70), "{protocol:?}");
    }
}

/// A client's end of a tunnel to an app that says everything back.
async fn tunnel(times: impl Fn(Times) -> Times + Send + Sync + 'static) -> TokioIo<hyper::upgrade::Upgraded> {
    let app = serve(|mut request: Request<Incoming>, _| async move {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded.await.unwrap()));
            let _ = tokio::io::copy(&mut read, &mut write).await;
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        response.header("connection", "upgrade").header("upgrade", "websocket").body(Body::empty()).unwrap()
    });
    let mut client = client(app, Http1, times).await;
    let request = Request::get("/").header("host", "a").header("connection", "upgrade").header("upgrade", "websocket");
    let mut response = client.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_lives_as_long_as_it_moves() {
    let mut tunnel = tunnel(|times| times.head_within(SECOND).idle_within(2 * SECOND)).await;
    let mut byte = [0];
    for _ in 0..30 {
        sleep(SECOND).await;
        tunnel.write_all(b"x").await.unwrap();
        tunnel.read_exact(&mut byte).await.unwrap();
    }
    let begun = Instant::now();
    assert_eq!(tunnel.read(&mut byte).await.unwrap_or(0), 0, "not closed");
    assert_eq!(tenths(begun), 20);
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_without_an_idle_time_is_not_cut() {
    let mut tunnel = tunnel(|times| times.head_within(SECOND)).await;
    sleep(3_600 * SECOND).await;
    let mut byte = [0];
    tunnel.write_all(b"x").await.unwrap();
    tunnel.read_exact(&mut byte).await.unwrap();
}
