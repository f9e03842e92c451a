//! What the tests stand on: an activator without API server and hub, apps, pods, and a client.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Response};
use parking_lot::Mutex;
use proxy::{
    Body,
    headers::Entry,
    listen::{self, Limits},
    net,
    upstream::{Pool, PoolLimits},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Semaphore, mpsc},
};
use tokio_util::sync::CancellationToken;
use tracing::subscriber::{DefaultGuard, set_default};
use wire::{Down, Endpoint, Up};

use crate::{
    endpoints::Listed,
    hold::{
        queue::Numbers,
        room::{self, Room},
    },
    metrics::Metrics,
    reception::Reception,
    revision::{ColdStartHook, Shared},
    revisions::Revisions,
    route::Door,
    serve::{Activator, serve},
    table::{
        facts::{AppFacts, RevisionFacts, SliceFacts},
        key::Key,
        lean::{LeanApp, LeanRevision},
        store::{Store, Tables},
    },
};

/// No test waits longer than this for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct World {
    pub(super) activator: Arc<Activator>,
    pub(super) revisions: Arc<Revisions>,
    pub(super) store: Store,
    pub(super) public: SocketAddr,
    pub(super) registry: prometheus::Registry,
    told: mpsc::UnboundedReceiver<Up>,
}

/// Bounds of a world; tests change one of them.
pub(super) struct Bounds {
    pub(super) hold_count: usize,
    pub(super) app_percent: u32,
    pub(super) hold_timeout: Duration,
    pub(super) entry: Entry,
    pub(super) cold_start: Mutex<Option<ColdStartHook>>,
}

impl Default for Bounds {
    fn default() -> Self {
        let (entry, cold_start) = (Entry::default(), Mutex::default());
        Self { hold_count: 100, app_percent: 100, hold_timeout: PATIENCE, entry, cold_start }
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(&Bounds::default())
    }

    pub(super) fn with(bounds: &Bounds) -> Self {
        let (sender, told) = mpsc::unbounded_channel();
        let registry = prometheus::Registry::new();
        let pool = Pool::new(PoolLimits::default());
        let retiring = pool.clone();
        let shared = Arc::new(Shared {
            room: Room::new(room::Bounds {
                count: bounds.hold_count,
                bytes: 1 << 20,
                namespace_percent: 100,
                app_percent: bounds.app_percent,
            }),
            hold_timeout: bounds.hold_timeout,
            metrics: Metrics::new(&registry),
            wakes: crate::wakes::Wakes::new(Arc::new(std::time::SystemTime::now)),
            numbers: Numbers::default(),
            nobody: Arc::default(),
            counts: AtomicU64::new(0),
            cold_start: bounds.cold_start.lock().take(),
            tell: Box::new(move |message| drop(sender.send(message))),
            retire: Box::new(move |address| retiring.retire(address)),
        });
        let revisions = Arc::new(Revisions::new(Arc::clone(&shared)));
        let tables = Tables::new();
        let reception = Reception { entry: bounds.entry.clone(), ..Reception::default() };
        let activator = Activator::new(tables.clone(), shared, pool, reception);
        let public = open(&activator, Door::Public);
        Self { store: Store::new(Arc::clone(&revisions), tables), activator, revisions, public, registry, told }
    }

    /// One revision of `app`; its UID is `uid-NAME`.
    pub(super) fn revision(&mut self, app: &str, name: &str, limit: u32) {
        self.revision_as(app, name, limit, &json!([]));
    }

    pub(super) fn revision_as(&mut self, app: &str, name: &str, limit: u32, conditions: &serde_json::Value) {
        let revision: LeanRevision = serde_json::from_value(json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
            "metadata": {
                "name": name, "namespace": "default", "uid": format!("uid-{name}"),
                "labels": {"todoapp.dev/app": app},
            },
            "spec": {"template": {"spec": {"containers": [{"image": "i"}]}}, "concurrencyLimit": limit},
            "status": {"conditions": conditions},
        }))
        .unwrap();
        self.store.revision(key(name), RevisionFacts::of(&revision));
        self.store.publish();
    }

    pub(super) fn failing(&mut self, app: &str, name: &str, reason: &str, message: &str) {
        let condition = json!([{
            "type": "Ready", "status": "False", "reason": reason, "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]);
        self.revision_as(app, name, 0, &condition);
    }

    /// An app that is routed as `status` says.
    pub(super) fn app(&mut self, name: &str, mut spec: serde_json::Value, status: &serde_json::Value) {
        spec["template"] = json!({"spec": {"containers": [{"image": "i"}]}});
        let app: LeanApp = serde_json::from_value(json!({
            "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
            "metadata": {
                "name": name, "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 2,
            },
            "spec": spec, "status": status,
        }))
        .unwrap();
        self.store.app(key(name), AppFacts::of(&app));
        self.store.publish();
    }

    /// An app at `http://NAME.default.test`, all of it to the one revision `NAME-1`.
    pub(super) fn simple(&mut self, name: &str, limit: u32) -> String {
        let revision = format!("{name}-1");
        self.app(
            name,
            json!({}),
            &json!({
                "url": format!("http://{name}.default.test"),
                "traffic": [{"revision": revision, "percent": 100}],
            }),
        );
        self.revision(name, &revision, limit);
        format!("uid-{revision}")
    }

    pub(super) fn up(&self, uid: &str, address: SocketAddr) {
        self.revisions
            .hear(Down::EndpointUp { endpoint: Endpoint { revision_uid: uid.to_owned(), address }, share: 0 });
    }

    pub(super) fn desired(&self, uid: &str, replicas: u32) {
        self.revisions.hear(Down::Desired { revision_uid: uid.to_owned(), replicas, activators: 1, places: 2 });
    }

    pub(super) fn slice(&mut self, uid: &str, pods: &[(SocketAddr, bool)]) {
        let facts = SliceFacts {
            revision_uid: uid.into(),
            endpoints: pods.iter().map(|(pod, ready)| (*pod, listed(*ready))).collect(),
        };
        self.store.slice(key("slice"), facts);
    }

    /// Waits until the hub has been told that this many are held.
    pub(super) async fn demand(&mut self, uid: &str, wanted: u32) {
        let heard = tokio::time::timeout(PATIENCE, async {
            while let Some(message) = self.told.recv().await {
                if message == (Up::Demand { revision_uid: uid.to_owned(), held: wanted }) {
                    return;
                }
            }
        });
        heard.await.expect("the hub is told");
    }

    pub(super) fn metric(&self, line: &str) -> Option<String> {
        let mut page = Vec::new();
        prometheus::Encoder::encode(&prometheus::TextEncoder::new(), &self.registry.gather(), &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        let found = page.lines().find_map(|l| l.strip_prefix(line))?;
        Some(found.trim().to_owned())
    }
}

fn listed(ready: bool) -> Listed {
    if ready { Listed::Ready } else { Listed::NotReady }
}

pub(super) fn key(name: &str) -> Key {
    Key::new("default", name)
}

/// Serves on a free port of this machine.
pub(super) fn open(activator: &Arc<Activator>, door: Door) -> SocketAddr {
    let listener = net::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let activator = Arc::clone(activator);
    let handler = move |request, connection| serve(Arc::clone(&activator), door, request, connection);
    tokio::spawn(listen::serve(listener, handler, Limits::default(), CancellationToken::new(), PATIENCE));
    address
}

/// An address at which nobody listens.
pub(super) fn nobody() -> SocketAddr {
    let listener = net::bind(([127, 0, 0, 1], 0).into()).unwrap();
    listener.local_addr().unwrap()
}

/// A pod: answers with its name and the path, each time that it has a permit.
pub(super) struct Pod {
    pub(super) address: SocketAddr,
    pub(super) permits: Arc<Semaphore>,
    /// Paths in the order of arrival.
    pub(super) seen: Arc<Mutex<Vec<String>>>,
    /// Heads in the order of arrival.
    pub(super) heads: Arc<Mutex<Vec<HeaderMap>>>,
    arrivals: Mutex<mpsc::UnboundedReceiver<()>>,
}

impl Pod {
    /// Answers everything at once.
    pub(super) fn new(name: &'static str) -> Self {
        Self::with_permits(name, Semaphore::MAX_PERMITS)
    }

    pub(super) fn with_permits(name: &'static str, permits: usize) -> Self {
        let listener = net::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let permits = Arc::new(Semaphore::new(permits));
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let heads: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
        let (sender, arrivals) = mpsc::unbounded_channel();
        let (gate, log, kept) = (Arc::clone(&permits), Arc::clone(&seen), Arc::clone(&heads));
        let handler = move |request: http::Request<hyper::body::Incoming>, _| {
            log.lock().push(request.uri().path().to_owned());
            kept.lock().push(request.headers().clone());
            let _ = sender.send(());
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
                let mut response = Response::new(Body::full(body));
                response.headers_mut().insert("pod", HeaderValue::from_static(name));
                response
            }
        };
        tokio::spawn(listen::serve(listener, handler, Limits::default(), CancellationToken::new(), PATIENCE));
        Self { address, permits, seen, heads, arrivals: Mutex::new(arrivals) }
    }

    /// Waits for the next request to arrive.
    pub(super) async fn arrival(&self) {
        let next = std::future::poll_fn(|cx| self.arrivals.lock().poll_recv(cx));
        tokio::time::timeout(PATIENCE, next).await.expect("a request arrives");
    }

    pub(super) fn count(&self) -> usize {
        self.seen.lock().len()
    }
}

/// What a client got.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &'static str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Sends a request's head; the connection is the client's to drop.
pub(super) async fn call(to: SocketAddr, host: &str, path: &str, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let method = if more.is_empty() { "GET" } else { "POST" };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    let head = if more.is_empty() { format!("{head}\r\n") } else { format!("{head}{more}") };
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads the answer.
pub(super) async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("an answer: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer { status, headers, body: body.to_owned() }
}

pub(super) async fn get(to: SocketAddr, host: &str) -> Answer {
    answer(call(to, host, "/", "").await).await
}

/// What was written, also by other threads.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// The lines, each of them JSON.
    pub(super) fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The log of this thread, on which everything of a test runs.
pub(super) fn log() -> (Written, DefaultGuard) {
    let log = Written::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone());
    (log, set_default(lines.finish()))
}
