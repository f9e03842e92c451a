//! Many listeners in one task.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use proxy::listen::{ConnInfo, Limits, Many, Ports as _};
use support::*;
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};

/// What the task that owns the listeners is asked for.
enum Ask {
    Open(oneshot::Sender<SocketAddr>),
    Close(u16),
    Finish,
}

/// Listeners whose handler answers with the port that was called; to `/wait` when `go` says so.
struct Hall {
    asks: mpsc::UnboundedSender<Ask>,
    /// A request that waits for `go` has come.
    waits: Arc<Notify>,
    go: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Hall {
    fn new(limits: Limits) -> Self {
        let (asks, mut asked) = mpsc::unbounded_channel();
        let (waits, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let gates = (Arc::clone(&waits), Arc::clone(&go));
        let handler = move |request: http::Request<hyper::body::Incoming>, info: ConnInfo| {
            let (waits, go) = gates.clone();
            async move {
                if request.uri().path() == "/wait" {
                    waits.notify_one();
                    go.notified().await;
                }
                answer(info.local.port().to_string())
            }
        };
        let mut many = Many::new(handler, limits).unwrap();
        let task = tokio::spawn(async move {
            loop {
                let ask = tokio::select! {
                    ask = asked.recv() => ask.unwrap(),
                    never = many.serve() => match never {},
                };
                match ask {
                    Ask::Open(told) => told.send(open(&mut many)).unwrap(),
                    Ask::Close(port) => many.close(port),
                    Ask::Finish => return many.finish().await,
                }
            }
        });
        Self { asks, waits, go, task }
    }

    fn ask(&self, ask: Ask) {
        assert!(self.asks.send(ask).is_ok());
    }

    async fn open(&self) -> SocketAddr {
        let (told, address) = oneshot::channel();
        self.ask(Ask::Open(told));
        within(address).await.unwrap()
    }
}

/// Opens a free port of this machine.
fn open<H, F>(many: &mut Many<H>) -> SocketAddr
where
    H: Fn(http::Request<hyper::body::Incoming>, ConnInfo) -> F + Send + Sync + 'static,
    F: Future<Output = http::Response<proxy::Body>> + Send + 'static,
{
    let before: Vec<u16> = many.ports().collect();
    many.open((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = many.ports().find(|port| !before.contains(port)).unwrap();
    (Ipv4Addr::LOCALHOST, port).into()
}

async fn ask(client: &mut Raw, path: &str) {
    client.say(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
}

async fn is_answered_by(client: &mut Raw, port: u16) {
    client.hear(&format!("\r\n\r\n{port}")).await;
}

#[tokio::test]
async fn each_port_is_told_apart() {
    let hall = Hall::new(Limits::default());
    for _ in 0..3 {
        let (one, other) = (hall.open().await, hall.open().await);
        // More at once than are accepted in a row.
        let mut clients = Vec::new();
        for address in [one, other].into_iter().cycle().take(300) {
            clients.push((Raw::to(address).await, address.port()));
        }
        for (client, port) in &mut clients {
            ask(client, "/").await;
            is_answered_by(client, *port).await;
        }
    }
}

#[tokio::test]
async fn a_closed_port_ends_its_own_connections_alone() {
    let hall = Hall::new(Limits::default());
    let (closed, open) = (hall.open().await, hall.open().await);
    let (mut idle, mut running, mut other) = (Raw::to(closed).await, Raw::to(closed).await, Raw::to(open).await);
    for client in [&mut idle, &mut other] {
        ask(client, "/").await;
        client.hear("\r\n\r\n").await;
    }
    ask(&mut running, "/wait").await;
    within(hall.waits.notified()).await;
    hall.ask(Ask::Close(closed.port()));
    idle.hear_all().await;
    within(async { while TcpStream::connect(closed).await.is_ok() {} }).await;
    hall.go.notify_one();
    is_answered_by(&mut running, closed.port()).await;
    running.hear_all().await;
    ask(&mut other, "/").await;
    is_answered_by(&mut other, open.port()).await;
}

#[tokio::test]
async fn a_port_at_its_bound_waits_and_the_others_do_not() {
    let hall = Hall::new(Limits { connections: 1, ..Limits::default() });
    let (full, free) = (hall.open().await, hall.open().await);
    let mut first = Raw::to(full).await;
    ask(&mut first, "/wait").await;
    within(hall.waits.notified()).await;
    let mut second = Raw::to(full).await;
    ask(&mut second, "/").await;
    let mut other = Raw::to(free).await;
    ask(&mut other, "/").await;
    is_answered_by(&mut other, free.port()).await;
    assert!(tokio::time::timeout(Duration::from_millis(100), second.hear("\r\n")).await.is_err());
    drop(first);
    is_answered_by(&mut second, full.port()).await;
}

#[tokio::test]
async fn it_finishes_when_the_last_request_is_over() {
    let hall = Hall::new(Limits::default());
    let address = hall.open().await;
    let mut client = Raw::to(address).await;
    ask(&mut client, "/wait").await;
    within(hall.waits.notified()).await;
    let mut idle = Raw::to(address).await;
    ask(&mut idle, "/").await;
    is_answered_by(&mut idle, address.port()).await;
    hall.ask(Ask::Finish);
    idle.hear_all().await;
    assert!(!hall.task.is_finished());
    hall.go.notify_one();
    is_answered_by(&mut client, address.port()).await;
    within(hall.task).await.unwrap();
}
