//! An HTTP client that dials whom it is told and says whatever Host it is told, one connection a request.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Longest time that a request of a test may take.
pub const TIMEOUT: Duration = Duration::from_secs(90);

/// Where to, and under which name.
#[derive(Debug, Clone)]
pub struct Target {
    /// The address to dial.
    pub address: SocketAddr,
    /// Value of `Host`.
    pub host: String,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub body: String,
    /// From before dialling to the end of the body.
    pub elapsed: Duration,
}

impl Reply {
    /// A header as text, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The answer, or an error that shows it when its status is another.
    pub fn expect(self, status: u16) -> Result<Self> {
        anyhow::ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.describe());
        Ok(self)
    }

    fn describe(&self) -> String {
        format!("{} todoapp-error: '{}' after {:?}", self.body.trim(), self.header("todoapp-error"), self.elapsed)
    }
}

impl Target {
    /// A target whose Host is its address.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, host: address.to_string() }
    }

    /// A target under a name.
    pub fn named(address: SocketAddr, host: &str) -> Self {
        Self { address, host: host.to_owned() }
    }

    /// GET on a connection of its own.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// Any method and body, on a connection of its own.
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Reply> {
        let what = format!("{method} {path} at {} as {}", self.address, self.host);
        let exchange = self.exchange(method, path, body);
        timeout(TIMEOUT, exchange).await.with_context(|| format!("{what}: no answer in {TIMEOUT:?}"))?.context(what)
    }

    /// Changes the protocol on a connection of its own, which is the caller's then.
    pub async fn upgrade(&self, path: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await?;
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", self.host);
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let count = timeout(Duration::from_secs(30), stream.read_buf(&mut answer)).await??;
            ensure!(count > 0, "closed after: {}", String::from_utf8_lossy(&answer));
        }
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        ensure!(answer.starts_with("http/1.1 101 ") && answer.contains("upgrade: echo"), "{answer}");
        Ok(stream)
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Reply> {
        let begin = Instant::now();
        let stream = TcpStream::connect(self.address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(HOST, &self.host).body(Full::new(body))?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await.context("reading the body")?.to_bytes();
        connection.abort();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body, elapsed: begin.elapsed() })
    }
}

/// Sends `count` requests at the same moment; each has a connection of its own.
pub async fn at_once(target: &Target, path: &str, count: usize) -> Vec<Result<Reply>> {
    futures_util::future::join_all((0..count).map(|_| {
        let (target, path) = (target.clone(), path.to_owned());
        async move { tokio::spawn(async move { target.get(&path).await }).await.unwrap_or_else(|e| Err(e.into())) }
    }))
    .await
}

/// Writes these bytes and reads until the other side closes or is silent for two seconds.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    while let Ok(Ok(1..)) = timeout(Duration::from_secs(2), stream.read_buf(&mut answer)).await {}
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
