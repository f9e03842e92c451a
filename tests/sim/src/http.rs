//! One request over the virtual network, on a connection of its own.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use testkit::net::Host;
use tokio::time::timeout;

/// A client that gets no connection for this long tries elsewhere.
const CONNECT: Duration = Duration::from_secs(1);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// A header: which pod gave it.
    pub pod: Option<String>,
    /// The whole of its body.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failed {
    /// Nobody took the connection, so nobody took the request.
    Unsent,
    /// The connection broke after the request was sent.
    Broken(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsent => write!(f, "no connection"),
            Self::Broken(cause) => write!(f, "broken: {cause}"),
        }
    }
}

/// Asks `to` for `path` and reads the whole answer.
pub async fn get(from: &Host, to: SocketAddr, host: &str, path: &str) -> Result<Answer, Failed> {
    send(from, to, Method::GET, host, path).await
}

/// The same with any method, without a body.
pub async fn send(from: &Host, to: SocketAddr, method: Method, host: &str, path: &str) -> Result<Answer, Failed> {
    let stream = timeout(CONNECT, from.connect(to)).await.map_err(|_| Failed::Unsent)?.map_err(|_| Failed::Unsent)?;
    let broken = |cause: hyper::Error| Failed::Broken(format!("{cause:?}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request =
        Request::builder().method(method).uri(path).header(http::header::HOST, host).body(Empty::<Bytes>::new());
    let request = request.map_err(|cause| Failed::Broken(cause.to_string()))?;
    let ask = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let pod = response.headers().get(crate::app::POD).and_then(|pod| pod.to_str().ok()).map(str::to_owned);
        let status = response.status();
        let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
        Ok(Answer { status, pod, body: String::from_utf8_lossy(&body).into_owned() })
    };
    tokio::pin!(ask);
    // The connection's own end says less than what becomes of the request.
    tokio::select! {
        biased;
        answer = &mut ask => answer,
        _ = connection => ask.await,
    }
}
