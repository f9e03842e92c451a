//! Requests of mixed kinds at a steady rate, each with a number of its own, and what came of each.

mod account;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

pub use self::account::{Account, Kill, Killed};
use crate::http::{TIMEOUT, Target};

/// Begins what is said of a stream whose protocol had changed: it is in one process, and nobody can repeat it.
const CHANGED: &str = "after the change of protocol";

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// GET that is answered at once.
    Get,
    /// GET that takes 300 ms.
    Slow,
    /// POST whose body comes back.
    Post,
    /// PUT of 48 KiB that come back.
    Put,
    /// GET over HTTP/2.
    Http2,
    /// A change of protocol, then bytes that come back.
    Upgrade,
}

impl Kind {
    /// Of the request with this number.
    pub fn of(number: u64) -> Self {
        match number % 20 {
            0..=8 => Self::Get,
            9..=10 => Self::Slow,
            11..=14 => Self::Post,
            15..=16 => Self::Put,
            17..=18 => Self::Http2,
            _ => Self::Upgrade,
        }
    }

    /// Whether doing it twice does what doing it once does.
    pub fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post)
    }
}

/// What came of one request.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Since the load began.
    pub sent: Duration,
    /// When it was over, likewise.
    pub ended: Duration,
    /// The app's own answer, or what came instead.
    pub outcome: Result<(), String>,
}

/// All requests by number.
pub type Entries = BTreeMap<u64, Entry>;

/// Sends `count` requests, `rate` a second, whether or not earlier ones are answered.
pub async fn send(targets: &[Target], count: u64, rate: u32) -> Entries {
    let entries: Arc<Mutex<Entries>> = Arc::default();
    let begin = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / rate);
    // A machine that stood still catches up: the number of requests is what is promised.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut open = tokio::task::JoinSet::new();
    for number in 1..=count {
        ticks.tick().await;
        let (target, entries) = (targets[number as usize % targets.len()].clone(), Arc::clone(&entries));
        let sent = begin.elapsed();
        open.spawn(async move {
            let done = timeout(TIMEOUT, exchange(&target, Kind::of(number), number)).await;
            let outcome = done.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in {TIMEOUT:?}")));
            let (ended, outcome) = (begin.elapsed(), outcome.map_err(|error| format!("{error:#}")));
            entries.lock().insert(number, Entry { sent, ended, outcome });
        });
        while open.try_join_next().is_some() {}
    }
    open.join_all().await;
    std::mem::take(&mut *entries.lock())
}

async fn exchange(target: &Target, kind: Kind, number: u64) -> Result<()> {
    let plain = format!("/?entry={number}");
    match kind {
        Kind::Get => target.get(&plain).await?.expect(200).map(drop),
        Kind::Slow => target.get(&format!("{plain}&sleep=300")).await?.expect(200).map(drop),
        Kind::Post => echoed(target, Method::POST, number, 1 << 10).await,
        Kind::Put => echoed(target, Method::PUT, number, 48 << 10).await,
        Kind::Http2 => over_http2(target, &plain).await,
        Kind::Upgrade => upgraded(target, number).await,
    }
}

async fn echoed(target: &Target, method: Method, number: u64, bytes: usize) -> Result<()> {
    let body = format!("{number:0>bytes$}");
    let reply = target.send(method, &format!("/echo?entry={number}"), Bytes::from(body.clone())).await?.expect(200)?;
    ensure!(reply.body == body, "another body of {} bytes", reply.body.len());
    Ok(())
}

async fn over_http2(target: &Target, path: &str) -> Result<()> {
    let stream = TcpStream::connect(target.address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("http://{}{path}", target.host)).body(Full::<Bytes>::default())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    body.collect().await.context("reading the body")?;
    connection.abort();
    ensure!(head.status == 200, "{}: {:?}", head.status, head.headers.get("todoapp-error"));
    Ok(())
}

async fn upgraded(target: &Target, number: u64) -> Result<()> {
    let stream = target.upgrade(&format!("/ws?entry={number}")).await?;
    let back = there_and_back(stream, number.to_be_bytes()).await.context(CHANGED)?;
    ensure!(back == number.to_be_bytes(), "other bytes came back");
    Ok(())
}

async fn there_and_back(mut stream: TcpStream, said: [u8; 8]) -> Result<[u8; 8]> {
    stream.write_all(&said).await?;
    let mut back = [0; 8];
    stream.read_exact(&mut back).await?;
    Ok(back)
}
