//! What the three services of the sample share: HTTP/1.1 on `PORT`, and an end as soon as SIGTERM arrives.
//!
//! Owns the listening socket and the size bound of a request body; knows nothing of todos.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// A finished answer.
pub type Answer = Response<Full<Bytes>>;

/// `Content-Type` of plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// `Content-Type` of JSON.
pub const JSON: &str = "application/json";
/// `Content-Type` of a page.
pub const HTML: &str = "text/html; charset=utf-8";

/// Largest request body, in bytes; a longer one is answered 413 and never reaches the service.
const BODY_BYTES_MAX: usize = 8 * 1024;
/// Pause after a failed accept, which is nearly always a want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A request with its whole body.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path without the query.
    pub path: String,
    /// The body, at most 8 KiB.
    pub body: Bytes,
}

/// Serves `handler` on the port that the environment's `PORT` names, else on `default_port`, until SIGTERM or SIGINT.
///
/// Nothing is drained here: the platform sends SIGTERM only when no request is left.
pub fn serve<H, F>(default_port: u16, handler: H) -> anyhow::Result<()>
where
    H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let port = port(std::env::var("PORT").ok().as_deref(), default_port)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // The second address is for nodes without IPv6; the first serves both families.
        let addresses: [SocketAddr; 2] = [(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()];
        let listener = TcpListener::bind(&addresses[..]).await.with_context(|| format!("listening on port {port}"))?;
        println!("listening on port {port}");
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(tokio::spawn(converse(stream, handler.clone()))),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
            }
        }
    })
}

/// An answer with a body.
pub fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// One connection, to its end. A broken one is the client's affair.
async fn converse<H, F>(stream: TcpStream, handler: H)
where
    H: Fn(Asked) -> F + Send + Sync,
    F: Future<Output = Answer> + Send,
{
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| async {
        let answer = match whole(request).await {
            Ok(asked) => handler(asked).await,
            Err(refusal) => refusal,
        };
        Ok::<_, std::convert::Infallible>(answer)
    });
    let mut server = http1::Builder::new();
    let _ = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Reads the body, within its bound.
async fn whole(request: Request<Incoming>) -> Result<Asked, Answer> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| {
        answer(StatusCode::PAYLOAD_TOO_LARGE, TEXT, format!("the body must be at most {BODY_BYTES_MAX} bytes\n"))
    })?;
    Ok(Asked { method: head.method, path: head.uri.path().to_owned(), body: body.to_bytes() })
}

/// The port to listen on: what `PORT` says, if it is set.
fn port(set: Option<&str>, default: u16) -> anyhow::Result<u16> {
    set.map_or(Ok(default), |text| text.parse().with_context(|| format!("PORT must be a port number, not `{text}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_comes_from_the_environment_first() {
        assert_eq!(port(None, 3000).unwrap(), 3000);
        assert_eq!(port(Some("8080"), 3000).unwrap(), 8080);
        let error = port(Some("http"), 3000).unwrap_err();
        assert_eq!(error.to_string(), "PORT must be a port number, not `http`");
    }
}
