//! A proxy and an upstream on loopback sockets in this process.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxy::{
    Body, Failure,
    forward::{self, Forwarded},
    headers,
    listen::{self, ConnInfo, Limits},
    net,
    upstream::{Pool, PoolLimits},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use wire::Protocol;

/// Longer than anything here takes, so that a hang is a failure and not a hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn listener() -> (TcpListener, SocketAddr) {
    let listener = net::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server that answers with `handler`.
pub struct Server {
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub served: JoinHandle<usize>,
}

pub fn serve<H, F>(handler: H) -> Server
where
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    serve_with(handler, Limits::default(), PATIENCE)
}

pub fn serve_with<H, F>(handler: H, limits: Limits, grace: Duration) -> Server
where
    H: Fn(Request<Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let (listener, address) = listener();
    let stop = CancellationToken::new();
    let served = tokio::spawn(listen::serve(listener, handler, limits, stop.clone(), grace));
    Server { address, stop, served }
}

/// A proxy in front of `upstream`.
pub fn proxy(upstream: SocketAddr, protocol: Protocol) -> Server {
    proxy_with(upstream, protocol, Pool::new(PoolLimits::default()), PATIENCE)
}

pub fn proxy_with(upstream: SocketAddr, protocol: Protocol, pool: Pool, timeout: Duration) -> Server {
    let pool = Arc::new(pool);
    serve(move |request, info| pass(Arc::clone(&pool), upstream, protocol, request, info, timeout))
}

pub async fn pass(
    pool: Arc<Pool>,
    upstream: SocketAddr,
    protocol: Protocol,
    mut request: Request<Incoming>,
    info: ConnInfo,
    timeout: Duration,
) -> Response<Body> {
    if let Err(failure) = headers::check(&request) {
        return failure.into_response();
    }
    let passage = forward::outbound(&mut request, &info, Forwarded::Overwrite);
    let deadline = Instant::now() + timeout;
    if let Err(failure) = forward::emptied(&mut request, deadline).await {
        return failure.into_response();
    }
    let request = request.map(Body::incoming);
    match forward::send(&pool, upstream, protocol, request, deadline).await {
        Ok(response) => forward::inbound(response, passage, &info, ()),
        Err(failed) => Failure::from(failed).into_response(),
    }
}

pub async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("took too long")
}

/// Waits for a condition that another task brings about.
pub async fn until(mut holds: impl FnMut() -> bool) {
    within(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// A connection on which bytes are written and read by hand.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Each piece in a packet of its own, as far as the kernel does as it is told. A peer that hangs up is no failure.
    pub async fn say_in_pieces(&mut self, text: &str, bytes: usize) {
        self.0.set_nodelay(true).unwrap();
        for piece in text.as_bytes().chunks(bytes) {
            if self.0.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Reads until `text` has come and gives everything up to and with it.
    pub async fn hear(&mut self, text: &str) -> String {
        let mut heard = Vec::new();
        within(async {
            while !heard.ends_with(text.as_bytes()) {
                let byte = self
                    .0
                    .read_u8()
                    .await
                    .unwrap_or_else(|cause| panic!("{cause} after {:?}", String::from_utf8_lossy(&heard)));
                heard.push(byte);
            }
        })
        .await;
        String::from_utf8(heard).unwrap()
    }

    pub async fn hear_all(&mut self) -> String {
        let mut heard = Vec::new();
        // A reset after the last byte is an end as well.
        let _ = within(self.0.read_to_end(&mut heard)).await;
        String::from_utf8_lossy(&heard).into_owned()
    }
}

pub type H1 = hyper::client::conn::http1::SendRequest<Body>;
pub type H2 = hyper::client::conn::http2::SendRequest<Body>;

pub async fn h1(address: SocketAddr) -> H1 {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

pub async fn h2(address: SocketAddr) -> H2 {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "app.example").body(Body::empty()).unwrap()
}

pub fn post(path: &str, body: impl Into<Bytes>) -> Request<Body> {
    Request::post(path).header("host", "app.example").body(Body::full(body)).unwrap()
}

pub async fn text(response: Response<Incoming>) -> String {
    let bytes = within(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub async fn read(request: Request<Incoming>) -> Bytes {
    request.into_body().collect().await.unwrap().to_bytes()
}

/// An answer of these bytes.
pub fn answer(bytes: impl Into<Bytes>) -> Response<Body> {
    Response::new(Body::boxed(Full::new(bytes.into())))
}
