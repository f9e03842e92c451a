//! A whole queue-proxy in this process: before it a client, behind it an app, beside it a hub.

mod drain;
mod hub;
mod initialize;
mod probes;
mod requests;
mod wear;
mod whole;

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use proxy::net::Tcp;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, start};

const PATIENCE: Duration = Duration::from_secs(20);

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("took too long")
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An app on `listener`, both protocols.
fn app<F>(listener: TcpListener, answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static)
where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            let (io, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, std::convert::Infallible>(answer.await) }
                });
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await;
            });
        }
    });
}

fn said(text: &'static str) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from(text)))
}

/// A queue-proxy in front of `127.0.0.1:app`.
struct Pod {
    traffic: SocketAddr,
    admin: SocketAddr,
    sigterm: CancellationToken,
    ended: JoinHandle<anyhow::Result<()>>,
}

async fn pod(app: SocketAddr, settings: &[(&str, String)]) -> Pod {
    let key = "ab".repeat(32);
    let config = Config::from_env(|name| {
        let plain = match name {
            "TODOAPP_KEY" => key.clone(),
            "TODOAPP_REVISION" => "default/user-00001".to_owned(),
            "TODOAPP_REVISION_UID" => "uid".to_owned(),
            "HOSTNAME" => "user-00001-abc".to_owned(),
            "TODOAPP_APP_PORT" => app.port().to_string(),
            _ => return settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
        };
        Some(plain)
    })
    .unwrap();
    let ((traffic, traffic_at), (admin, admin_at)) = (listener().await, listener().await);
    let sigterm = CancellationToken::new();
    let ended = tokio::spawn(start::serve_on(config, Tcp, Arc::default(), traffic, admin, sigterm.clone()));
    Pod { traffic: traffic_at, admin: admin_at, sigterm, ended }
}

/// GET on a new connection: status, reason header, body.
async fn get(to: SocketAddr, path: &str) -> (u16, Option<String>, String) {
    let io = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "app.example").body(Empty::<Bytes>::new()).unwrap();
    let (head, body) = within(sender.send_request(request)).await.unwrap().into_parts();
    let reason = head.headers.get("todoapp-error").map(|reason| reason.to_str().unwrap().to_owned());
    let body = within(body.collect()).await.unwrap().to_bytes();
    (head.status.as_u16(), reason, String::from_utf8(body.to_vec()).unwrap())
}

/// Asks until it is so.
async fn until_ready(pod: &Pod, ready: bool) {
    within(async {
        while (get(pod.admin, "/ready").await.0 == 200) != ready {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
