//! One of our proxies between a client that asks twice and an app that says what it likes, in memory.

use std::time::Duration;

use fuzz::{
    chain::hear,
    door::{Door, PIPE, address},
};
use http::{Request, Response};
use hyper::body::Incoming;
use parking_lot::Mutex;
use proxy::{
    Body, Failure,
    forward::{self, Forwarded, Times},
    listen::{self, ConnInfo, Limits},
    upstream::{Pool, PoolLimits},
};
use tokio::{
    io::{AsyncWriteExt as _, DuplexStream, duplex},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use wire::Protocol;

use super::app::{App, Ending};

/// On paused time: only what waits for ever takes so long.
const PATIENCE: Duration = Duration::from_mins(60);
/// A request's, and the client's for the whole of an answer.
const DEADLINE: Duration = Duration::from_secs(5);
const LISTENS: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(2);

/// What is asked, and how the app ends.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub method: &'static str,
    pub upgrade: bool,
    /// The client speaks HTTP/1.0.
    pub old: bool,
    pub ending: Ending,
    /// Whether silence is watched for too.
    idle: bool,
}

impl Plan {
    pub fn of(settings: u8) -> Self {
        let (method, upgrade) =
            [("GET", false), ("HEAD", false), ("GET", true), ("POST", false)][usize::from(settings & 3)];
        let ending = [Ending::Close, Ending::Stay, Ending::Reset][usize::from(settings >> 2 & 3) % 3];
        Self { method, upgrade, old: settings & 16 != 0, ending, idle: settings & 32 != 0 }
    }

    fn request(&self, method: &str, upgrade: bool) -> String {
        let version = u8::from(!self.old);
        let more = match (upgrade, self.old) {
            (true, _) => "connection: upgrade\r\nupgrade: websocket\r\n",
            (_, true) => "connection: keep-alive\r\n",
            _ => "te: trailers\r\n",
        };
        let body = if method == "POST" { "content-length: 4\r\n\r\nbody" } else { "\r\n" };
        format!("{method} / HTTP/1.{version}\r\nhost: a.test\r\n{more}{body}")
    }
}

/// What the client got.
#[derive(Debug)]
pub struct Got {
    pub first: Vec<u8>,
    /// The connection was ended with it; otherwise a second answer was asked for.
    pub closed: bool,
    pub second: Vec<u8>,
}

pub fn pass(plan: Plan, said: &[u8], step: usize) -> Got {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let (client, server) = duplex(PIPE);
        let shutdown = CancellationToken::new();
        let proxy = serve(server, plan, App::new(said, step, plan.ending), shutdown.clone());
        let talk = async {
            let got = talk(plan, client).await;
            shutdown.cancel();
            got
        };
        timeout(PATIENCE, async { tokio::join!(talk, proxy).0 }).await.expect("the connection ends")
    })
}

async fn talk(plan: Plan, mut client: DuplexStream) -> Got {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    // Refused when the proxy has gone already.
    let _ = client.write_all(plan.request(plan.method, plan.upgrade).as_bytes()).await;
    let closed = hear(&mut client, &mut first, LISTENS).await;
    if !closed && !first.starts_with(b"HTTP/1.1 101 ") {
        let _ = client.write_all(plan.request("GET", false).as_bytes()).await;
        hear(&mut client, &mut second, LISTENS).await;
    }
    Got { first, closed, second }
}

async fn serve(server: DuplexStream, plan: Plan, app: App, shutdown: CancellationToken) {
    let pool = Pool::with_dial(PoolLimits::default(), app);
    let handler = move |request, info| {
        let pool = pool.clone();
        async move { answer(plan, &pool, request, info).await.unwrap_or_else(Failure::into_response) }
    };
    listen::serve(Door(Mutex::new(Some(server))), handler, Limits::default(), shutdown, Duration::ZERO).await;
}

async fn answer(
    plan: Plan,
    pool: &Pool<App>,
    mut request: Request<Incoming>,
    info: ConnInfo,
) -> Result<Response<Body>, Failure> {
    let passage = forward::outbound(&mut request, &info, Forwarded::Keep);
    let mut times = Times::from(Instant::now() + DEADLINE);
    if plan.idle {
        times = times.idle_within(IDLE);
    }
    let request = request.map(|body| times.watch(Body::incoming(body)));
    let response = forward::send(pool, address(80), Protocol::Http1, request, times.clone()).await?;
    Ok(forward::inbound(response, passage, &info, ()))
}
