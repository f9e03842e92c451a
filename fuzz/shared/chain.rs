//! One of our two proxies between a client and an app, in memory.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use parking_lot::Mutex;
use proxy::{
    Body, Failure,
    forward::{self, Forwarded},
    headers::{self, Begin, Entry},
    listen::{self, ConnInfo, Limits},
    net::Dial,
    upstream::{Pool, PoolLimits},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use wire::Protocol;

use crate::{
    door::{Door, PIPE, address},
    request::requests,
};

/// Added by us to each request that is sent on: which of its connection's requests it was.
pub const AT: &str = "fuzz-at";
/// On paused time: only what waits for ever takes so long.
const PATIENCE: Duration = Duration::from_mins(60);
/// What a connection takes to end once its client has left.
const AFTER: Duration = Duration::from_secs(1);

/// Which proxy.
#[derive(Debug, Clone)]
pub enum Role {
    /// An activator.
    Entry(Entry),
    Sidecar,
}

/// `0`, `2` and `4`: the client is anybody; `1`, `3` and `5`: it is believed.
pub fn entry(settings: u8) -> Entry {
    let trusted = if settings & 1 == 1 { vec!["10.0.0.0/8".parse().expect("a network")] } else { Vec::new() };
    let traces = [Begin::Unsampled, Begin::Sampled, Begin::Never][usize::from(settings >> 1) % 3];
    Entry { trusted, traces }
}

impl Role {
    fn limits(&self) -> Limits {
        match self {
            Self::Entry(_) => Limits::default(),
            // And `AT`.
            Self::Sidecar => Limits { headers: Limits::behind_ours().headers + 1, ..Limits::behind_ours() },
        }
    }

    /// As `serve.rs` of the proxy does it.
    fn admit(&self, request: &mut Request<Incoming>, peer: IpAddr) -> Result<Forwarded, Failure> {
        headers::check(request)?;
        match self {
            Self::Entry(entry) => entry.admit(request, peer),
            Self::Sidecar => Ok(Forwarded::Keep),
        }
    }
}

/// What came of a client's bytes.
pub struct Passed {
    /// What the app got, by connection.
    pub connections: Vec<Vec<u8>>,
    /// What the client got.
    pub answers: Vec<u8>,
    /// We ended the connection before the client did.
    pub ended: bool,
}

/// Sends these bytes in pieces and ends the stream.
pub fn pass(role: &Role, sent: &[u8], step: usize) -> Passed {
    linger(role, sent, step, Duration::ZERO, || ())
}

/// The same, but the end comes after so long and a look at what there is then.
pub fn linger(role: &Role, sent: &[u8], step: usize, patience: Duration, look: impl FnOnce()) -> Passed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let app = App::default();
    let (answers, ended) = runtime.expect("a runtime").block_on(async {
        let (mut client, server) = duplex(PIPE);
        let shutdown = CancellationToken::new();
        let proxy = serve(server, role.clone(), app.clone(), shutdown.clone());
        let talk = async {
            for piece in sent.chunks(step.max(sent.len() / 64)) {
                if client.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let mut answers = Vec::new();
            let ended = hear(&mut client, &mut answers, patience).await;
            look();
            // Refused when the proxy has gone already.
            let _ = client.shutdown().await;
            let _ = client.read_to_end(&mut answers).await;
            sleep(AFTER).await;
            shutdown.cancel();
            (answers, ended)
        };
        let (talked, cut) = timeout(PATIENCE, async { tokio::join!(talk, proxy) }).await.expect("the connection ends");
        assert_eq!(cut, 0, "the connection outlives its client");
        talked
    });
    let connections = app.connections.lock().iter().map(|bytes| bytes.lock().clone()).collect();
    Passed { connections, answers, ended }
}

/// Reads until the stream ends or a time is over; whether it ended.
pub async fn hear(client: &mut DuplexStream, bytes: &mut Vec<u8>, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    loop {
        match timeout_at(end, client.read_buf(bytes)).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

/// How many connections did not end by themselves.
async fn serve(server: DuplexStream, role: Role, app: App, shutdown: CancellationToken) -> usize {
    let pool = Pool::with_dial(PoolLimits::default(), app);
    let limits = role.limits();
    let count = Arc::new(AtomicUsize::new(0));
    let handler = move |request, info| {
        let at = count.fetch_add(1, Ordering::Relaxed);
        let (role, pool) = (role.clone(), pool.clone());
        async move { answer(&role, &pool, request, info, at).await.unwrap_or_else(Failure::into_response) }
    };
    let door = Door(Mutex::new(Some(server)));
    listen::serve(door, handler, limits, shutdown, Duration::ZERO).await
}

async fn answer(
    role: &Role,
    pool: &Pool<App>,
    mut request: Request<Incoming>,
    info: ConnInfo,
    at: usize,
) -> Result<Response<Body>, Failure> {
    let forwarded = role.admit(&mut request, info.peer.ip())?;
    let passage = forward::outbound(&mut request, &info, forwarded);
    request.headers_mut().insert(AT, at.into());
    let deadline = Instant::now() + Duration::from_mins(1);
    let request = request.map(Body::incoming);
    let response = forward::send(pool, address(80), Protocol::Http1, request, deadline).await?;
    Ok(forward::inbound(response, passage, &info, ()))
}

/// Keeps all that it gets, and answers each request.
#[derive(Debug, Clone, Default)]
struct App {
    connections: Arc<Mutex<Vec<Arc<Mutex<Vec<u8>>>>>>,
}

impl Dial for App {
    type Io = DuplexStream;

    async fn dial(&self, _: SocketAddr) -> io::Result<DuplexStream> {
        let (ours, mut theirs) = duplex(PIPE);
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        self.connections.lock().push(Arc::clone(&heard));
        tokio::spawn(async move {
            let (mut bytes, mut answered) = (Vec::new(), 0);
            while theirs.read_buf(&mut bytes).await.is_ok_and(|some| some > 0) {
                heard.lock().clone_from(&bytes);
                let whole = requests(&bytes).whole.len();
                for _ in answered..whole {
                    let _ = theirs.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
                answered = whole;
            }
        });
        Ok(ours)
    }
}
