//! The admin server: `/live`, `/ready`, `/metrics`, `/debug/state`, and what a program adds.
//!
//! Bare hyper, HTTP/1.1, no TLS: it listens inside the cluster only and shows nothing secret.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{Encoder, Registry, TextEncoder};
use proxy::net::{Accept, Io};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Open admin connections at most; a further one waits in the kernel's backlog.
const CONNECTIONS_MAX: usize = 32;
/// How long a client may take to send its request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether `/ready` says 200 (set) or 503; cheap to clone, starts as not ready.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says what `/ready` answers from now on.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// What `/ready` answers now.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// An answer of the admin server.
pub type Answer = Response<Full<Bytes>>;
/// What a further route will answer, or `None` for a path that it does not know.
pub type Route = Option<Pin<Box<dyn Future<Output = Answer> + Send>>>;
/// A further route: gets the method, the path and the query.
pub type Extra = Arc<dyn Fn(&Method, &str, &str) -> Route + Send + Sync>;

/// What the admin server shows.
#[derive(Clone)]
pub struct AdminState {
    /// Behind `/ready`.
    pub ready: Readiness,
    /// Behind `/metrics`.
    pub registry: Registry,
    /// Behind `/debug/state`; called once a request.
    pub debug: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// Routes of the program's own, asked after the common ones.
    pub extra: Option<Extra>,
}

/// Serves on `address` until `shutdown` is cancelled.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(address: SocketAddr, state: AdminState, shutdown: CancellationToken) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    serve_on(listener, state, shutdown).await;
    Ok(())
}

/// Serves on a listener that is there already, until `shutdown` is cancelled; dropped, its connections end.
pub async fn serve_on(listener: impl Accept, state: AdminState, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = shutdown.cancelled() => return,
        };
        match accepted {
            Ok(accepted) => {
                let connection = connection(accepted.io, state.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            // Out of descriptors, most likely: do not spin.
            Err(cause) => {
                tracing::warn!(%cause, "admin connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: impl Io, state: AdminState, shutdown: CancellationToken) {
    let service = service_fn(move |request: Request<Incoming>| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(&state, request.method(), request.uri()).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        result = served => if let Err(cause) = result {
            tracing::debug!(%cause, "admin connection ended");
        },
        () = shutdown.cancelled() => {}
    }
}

async fn answer(state: &AdminState, method: &Method, uri: &Uri) -> Answer {
    match uri.path() {
        "/live" => text(StatusCode::OK, "live\n"),
        "/ready" if state.ready.get() => text(StatusCode::OK, "ready\n"),
        "/ready" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        "/metrics" => metrics(&state.registry),
        "/debug/state" => json(&(state.debug)()),
        other => match state.extra.as_ref().and_then(|extra| extra(method, other, uri.query().unwrap_or_default())) {
            Some(answer) => answer.await,
            None => text(StatusCode::NOT_FOUND, "no such path\n"),
        },
    }
}

/// A plain-text answer.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, HeaderValue::from_static("text/plain; charset=utf-8"), body)
}

fn metrics(registry: &Registry) -> Answer {
    let encoder = TextEncoder::new();
    let mut page = Vec::new();
    match encoder.encode(&registry.gather(), &mut page) {
        Ok(()) => typed(StatusCode::OK, HeaderValue::from_static(prometheus::TEXT_FORMAT), page),
        Err(cause) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{cause}\n")),
    }
}

/// A JSON answer, for people to read.
pub fn json(value: &serde_json::Value) -> Answer {
    let page = format!("{value:#}\n");
    typed(StatusCode::OK, HeaderValue::from_static("application/json"), page)
}

fn typed(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn state() -> AdminState {
        AdminState {
            ready: Readiness::default(),
            registry: crate::telemetry::registry("test", "1.2.3"),
            debug: Arc::new(|| serde_json::json!({"held": 3})),
            extra: Some(Arc::new(|method, path, query| {
                let page = format!("{method} drained {query}\n");
                (path == "/drain").then(|| Box::pin(async { text(StatusCode::OK, page) }) as _)
            })),
        }
    }

    async fn page(state: &AdminState, path: &str) -> (StatusCode, String) {
        let answer = answer(state, &Method::POST, &path.parse().unwrap()).await;
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_follows_the_handle() {
        let state = state();
        assert_eq!(page(&state, "/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
        state.ready.set(true);
        assert_eq!(page(&state, "/ready").await.0, StatusCode::OK);
        assert_eq!(page(&state, "/live").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn pages() {
        let state = state();
        let (_, metrics) = page(&state, "/metrics").await;
        assert!(metrics.contains(r#"todoapp_build_info{component="test",version="1.2.3"} 1"#), "{metrics}");
        let (_, debug) = page(&state, "/debug/state").await;
        assert_eq!(serde_json::from_str::<serde_json::Value>(&debug).unwrap(), serde_json::json!({"held": 3}));
        assert_eq!(page(&state, "/drain").await, (StatusCode::OK, "POST drained \n".to_owned()));
        assert_eq!(page(&state, "/drain?a=b").await, (StatusCode::OK, "POST drained a=b\n".to_owned()));
        assert_eq!(page(&state, "/other").await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn over_a_socket_until_cancelled() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        use tokio::net::TcpStream;

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve_on(listener, state(), shutdown.clone()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        shutdown.cancel();
        server.await.unwrap();
    }
}
