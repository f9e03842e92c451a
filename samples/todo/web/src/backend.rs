//! Asking another service, by HTTP/1.1 and with a bound on time and size.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use todo_kit::JSON;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Longest wait for an answer; a sleeping service wakes well within it.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// How long an address is taken for good; a Service keeps its own while it is there.
const ADDRESS_KEPT: Duration = Duration::from_secs(30);
/// Largest answer that is read, in bytes: the longest list fits.
const REPLY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A service behind the page.
#[derive(Debug)]
pub(crate) struct Backend {
    name: &'static str,
    authority: String,
    host: String,
    port: u16,
    prefix: String,
    /// Where the name led, and when it was asked for.
    address: Mutex<Option<(Instant, SocketAddr)>>,
}

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// A service gave no useful answer.
#[derive(Debug)]
pub(crate) struct Failure {
    service: &'static str,
    cause: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "The service {} gave no useful answer: {}.", self.service, self.cause)
    }
}

impl Backend {
    /// The service at the URL in the environment's `variable`, else at `default`.
    pub(crate) fn from_env(name: &'static str, variable: &str, default: &str) -> anyhow::Result<Self> {
        let url = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
        Self::new(name, &url).with_context(|| format!("{variable} must be a URL such as {default}, not `{url}`"))
    }

    /// The service at `url`, of scheme `http`.
    pub(crate) fn new(name: &'static str, url: &str) -> anyhow::Result<Self> {
        let url: Uri = url.parse()?;
        ensure!(url.scheme_str() == Some("http"), "the scheme must be http");
        let authority = url.authority().context("a host must be named")?;
        Ok(Self {
            name,
            authority: authority.as_str().to_owned(),
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(80),
            prefix: url.path().trim_end_matches('/').to_owned(),
            address: Mutex::default(),
        })
    }

    /// The body at `path`; any status but 200 is a failure.
    pub(crate) async fn get(&self, path: &str) -> Result<Bytes, Failure> {
        let reply = self.ask(Method::GET, path, Bytes::new()).await?;
        if reply.status == StatusCode::OK {
            return Ok(reply.body);
        }
        let said = String::from_utf8_lossy(&reply.body);
        Err(self.failed(&format_args!("{} {}", reply.status, said.trim())))
    }

    /// Sends JSON to `path`. What the service refuses is a reply; what it cannot do is a failure.
    pub(crate) async fn post(&self, path: &str, body: Bytes) -> Result<Reply, Failure> {
        let reply = self.ask(Method::POST, path, body).await?;
        if reply.status.is_server_error() {
            return Err(self.failed(&reply.status));
        }
        Ok(reply)
    }

    /// A failure of this service.
    pub(crate) fn failed(&self, cause: &impl fmt::Display) -> Failure {
        Failure { service: self.name, cause: cause.to_string() }
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Reply, Failure> {
        match tokio::time::timeout(WAIT_MAX, self.exchange(method, path, body)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.failed(&format_args!("{} seconds passed", WAIT_MAX.as_secs()))),
        }
    }

    /// Where the name leads. The lock is held during the look-up, so that one serves all who come meanwhile: hundreds
    /// of questions at once are more than a DNS server takes, and an unanswered one costs five seconds.
    async fn address(&self) -> anyhow::Result<SocketAddr> {
        let mut known = self.address.lock().await;
        if let Some((at, address)) = *known
            && at.elapsed() < ADDRESS_KEPT
        {
            return Ok(address);
        }
        let address = lookup_host((self.host.as_str(), self.port)).await?.next().context("the name has no address")?;
        *known = Some((Instant::now(), address));
        Ok(address)
    }

    async fn connect(&self) -> anyhow::Result<TcpStream> {
        match TcpStream::connect(self.address().await?).await {
            Ok(stream) => Ok(stream),
            Err(error) => {
                // The name may lead elsewhere by now.
                *self.address.lock().await = None;
                Err(error.into())
            }
        }
    }

    /// One connection a request: simple, and it follows every change of where the service runs.
    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Reply> {
        let stream = self.connect().await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, JSON)
            .body(Full::new(body))?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, REPLY_BYTES_MAX).collect().await.map_err(|error| anyhow::anyhow!(error))?;
        connection.abort();
        Ok(Reply { status: head.status, body: body.to_bytes() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_gives_host_port_and_prefix() {
        let rule = Backend::new("rule", "http://rule.default.svc:8080/api/").unwrap();
        assert_eq!((rule.host.as_str(), rule.port, rule.prefix.as_str()), ("rule.default.svc", 8080, "/api"));
        let user = Backend::new("user", "http://user/").unwrap();
        assert_eq!((user.host.as_str(), user.port, user.prefix.as_str()), ("user", 80, ""));
        assert!(Backend::new("user", "https://user/").is_err());
        assert!(Backend::new("user", "user").is_err());
    }
}
