//! Every kind of readiness probe against real servers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::watch;

use super::*;
use crate::{config::Probe, ready};

fn probe(json: &str, port: u16) -> Probe {
    let json = json.to_owned();
    let config = Config::from_env(|name| {
        Some(match name {
            "TODOAPP_KEY" => "ab".repeat(32),
            "TODOAPP_APP_PORT" => port.to_string(),
            "TODOAPP_READINESS" => json.clone(),
            "TODOAPP_REVISION" | "TODOAPP_REVISION_UID" | "HOSTNAME" => "x".to_owned(),
            _ => return None,
        })
    });
    config.unwrap().probe
}

async fn becomes_ready(json: &str, port: u16) {
    let (ready, mut verdict) = watch::channel(false);
    let watching = tokio::spawn(ready::watch(probe(json, port), Tcp, ready));
    within(verdict.wait_for(|ready| *ready)).await.unwrap();
    watching.abort();
}

#[tokio::test]
async fn tcp_is_ready_when_something_listens() {
    let (listener, address) = listener().await;
    drop(listener);
    let waiting = tokio::spawn(async move { becomes_ready(r#"{"tcpSocket":{}}"#, address.port()).await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(!waiting.is_finished());
    let _listener = TcpListener::bind(address).await.unwrap();
    within(waiting).await.unwrap();
}

#[tokio::test]
async fn http_is_ready_at_200_to_399_as_often_in_a_row_as_asked() {
    let (listener, address) = listener().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    app(listener, move |request| {
        assert_eq!(request.uri().path(), "/health");
        assert_eq!(request.headers()["host"], "other.example");
        // 503, 302, 503, 302, 302
        let bad = [true, false, true].get(count.fetch_add(1, Ordering::SeqCst)) == Some(&true);
        async move {
            let mut response = said("");
            *response.status_mut() = if bad { http::StatusCode::SERVICE_UNAVAILABLE } else { http::StatusCode::FOUND };
            response
        }
    });
    let probe = r#"{"httpGet":{"path":"/health","httpHeaders":[{"name":"Host","value":"other.example"}]},"successThreshold":2}"#;
    becomes_ready(probe, address.port()).await;
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn grpc_is_ready_when_the_service_is_serving() {
    let (listener, address) = listener().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move |request: Request<Incoming>| {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            let question = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(&question[..], b"\0\0\0\0\x06\x0a\x04todo");
            // NOT_SERVING, SERVING with a bad status, SERVING
            let (status, code) = [(2, "0"), (1, "5"), (1, "0")][number.min(2)];
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(code));
            let message = Bytes::from(vec![0, 0, 0, 0, 2, 8, status]);
            let frames = [Ok::<_, std::convert::Infallible>(Frame::data(message)), Ok(Frame::trailers(trailers))];
            Response::new(StreamBody::new(futures_util::stream::iter(frames)))
        }
    };
    tokio::spawn(async move {
        loop {
            let (io, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, std::convert::Infallible>(answer.await) }
                });
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(io), service).await;
            });
        }
    });
    becomes_ready(r#"{"grpc":{"service":"todo"}}"#, address.port()).await;
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}
