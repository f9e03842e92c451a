//! Clients that keep their connections, and what the activator counts.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use e2e::http::Target;
use e2e::metrics::Scrape;
use front::objects;
use front::stack::{ADMIN_PORT, PUBLIC_PORT};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderMap};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
}

impl Answer {
    async fn read(response: Response<Incoming>) -> Result<Self> {
        let (head, body) = response.into_parts();
        body.collect().await.context("the body")?;
        Ok(Self { status: head.status.as_u16(), headers: head.headers })
    }

    /// The reason of an error that is ours.
    pub fn reason(&self) -> &str {
        self.headers.get("todoapp-error").and_then(|reason| reason.to_str().ok()).unwrap_or_default()
    }
}

/// A connection of HTTP/1 that is kept.
pub struct Kept(http1::SendRequest<Empty<Bytes>>);

impl Kept {
    pub async fn open() -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", PUBLIC_PORT)).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        let request = Request::get(path).header(HOST, objects::HOST).body(Empty::new())?;
        let response = timeout(PATIENCE, self.0.send_request(request)).await.context("no answer in time")??;
        Answer::read(response).await
    }
}

/// So many requests at once, on one connection of HTTP/2.
pub async fn streams(count: usize, path: &str) -> Result<Vec<Answer>> {
    let stream = TcpStream::connect(("127.0.0.1", PUBLIC_PORT)).await?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut open = JoinSet::new();
    for _ in 0..count {
        let mut sender = sender.clone();
        let request = Request::get(format!("http://{}{path}", objects::HOST)).body(Empty::<Bytes>::new())?;
        open.spawn(async move {
            let response = timeout(PATIENCE, sender.send_request(request)).await.context("no answer in time")??;
            Answer::read(response).await
        });
    }
    open.join_all().await.into_iter().collect()
}

/// A sum on the page of an admin port.
pub async fn metric(admin_port: u16, name: &str, labels: &[&str]) -> Result<f64> {
    Scrape::get(([127, 0, 0, 1], admin_port).into()).await?.sum(name, labels)
}

/// The activator is as it was: it answers, has taken nothing of ours for a pod's fault, and lost no watch.
pub async fn is_whole() -> Result<()> {
    let target = Target::named(([127, 0, 0, 1], PUBLIC_PORT).into(), objects::HOST);
    for answer in e2e::http::at_once(&target, "/bytes?size=10", 50).await {
        answer?.expect(200)?;
    }
    for (name, labels) in [
        ("todoapp_retries_total", &[r#"reason="unsent""#][..]),
        ("todoapp_holds_total", &[]),
        ("todoapp_watch_errors_total", &[]),
    ] {
        let count = metric(ADMIN_PORT, name, labels).await?;
        ensure!(count == 0.0, "{name} {labels:?}: {count}");
    }
    Ok(())
}
