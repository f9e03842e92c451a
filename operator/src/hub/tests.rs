//! Whole streams in memory, on paused time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wire::{Bucket, Challenge, Down, Endpoint, Frame, Hello, Identity, Load, Up, VERSION};

use super::{Verifier, serve, stream};
use crate::autoscaler::{Autoscaler, Metrics, RevisionEntry, ScaleWriter};

const UID: &str = "uid-1";
const KEY: [u8; 32] = [7; 32];
const POD: &str = "10.0.0.7:8012";

#[derive(Default)]
struct Cluster {
    confirms: AtomicBool,
    /// Tries that fail before one succeeds.
    failures: AtomicU32,
    scaled: Mutex<Vec<(String, u32)>>,
}

impl Verifier for Cluster {
    fn revision_key(&self, uid: &str) -> Option<[u8; 32]> {
        (uid == UID).then_some(KEY)
    }

    fn confirms(&self, _uid: &str, _address: SocketAddr) -> bool {
        self.confirms.load(Ordering::Relaxed)
    }

    fn activator<'a>(&'a self, token: &'a str) -> BoxFuture<'a, anyhow::Result<bool>> {
        Box::pin(async move {
            match token {
                "good" => Ok(true),
                "slow" => std::future::pending().await,
                "broken" => Err(anyhow::anyhow!("no API server")),
                _ => Ok(false),
            }
        })
    }
}

impl ScaleWriter for Cluster {
    fn scale<'a>(&'a self, namespace: &'a str, name: &'a str, replicas: u32) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            let failing = self.failures.load(Ordering::Relaxed);
            if failing > 0 {
                self.failures.store(failing - 1, Ordering::Relaxed);
                anyhow::bail!("429");
            }
            self.scaled.lock().push((format!("{namespace}/{name}"), replicas));
            Ok(())
        })
    }
}

struct Hub {
    cluster: Arc<Cluster>,
    autoscaler: Autoscaler,
    registry: Registry,
    close: CancellationToken,
}

impl Hub {
    /// With one sleeping revision.
    fn new() -> Self {
        let (cluster, registry) = (Arc::new(Cluster::default()), Registry::new());
        let metrics = Metrics::register(&registry).expect("unique names");
        let autoscaler = Autoscaler::new(Arc::clone(&cluster) as _, Arc::clone(&cluster) as _, metrics);
        autoscaler.upsert(RevisionEntry {
            uid: UID.into(),
            namespace: "default".into(),
            name: "user-00001".into(),
            spec: scaling::Spec::default(),
            routed: true,
            initial: false,
        });
        autoscaler.set_replicas(UID, 0, 0);
        Self { cluster, autoscaler, registry, close: CancellationToken::new() }
    }

    /// A new stream that has been sent the challenge.
    async fn dial(&self, from: &str) -> (Client, [u8; 32]) {
        self.dial_with(from, 1 << 16).await
    }

    async fn dial_with(&self, from: &str, room: usize) -> (Client, [u8; 32]) {
        let (near, far) = tokio::io::duplex(room);
        let (autoscaler, from, close) = (self.autoscaler.clone(), from.parse().unwrap(), self.close.child_token());
        tokio::spawn(async move { stream::attend(far, from, &autoscaler, close, ()).await });
        let mut client = Client { stream: near, buffer: BytesMut::new() };
        let challenge: Challenge = client.next().await.expect("a challenge");
        (client, challenge.nonce)
    }

    async fn activator(&self, pod: &str) -> Client {
        let (mut client, _) = self.dial("10.0.0.1:40000").await;
        client.hello(Identity::Activator { pod: pod.into(), token: "good".into() }).await;
        client
    }

    async fn pod(&self, from: &str) -> Client {
        let (mut client, nonce) = self.dial(from).await;
        client.hello(queue_proxy(&nonce, &KEY)).await;
        client
    }

    fn metric(&self, line: &str) -> bool {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).expect("text");
        text.lines().any(|found| found == line)
    }
}

struct Client {
    stream: DuplexStream,
    buffer: BytesMut,
}

impl Client {
    async fn say(&mut self, message: &impl Frame) {
        let mut frame = BytesMut::new();
        message.encode(&mut frame).expect("within the bounds");
        self.stream.write_all(&frame).await.expect("open");
    }

    async fn hello(&mut self, identity: Identity) {
        self.say(&Hello { version: VERSION, epoch: 1, identity }).await;
    }

    /// The next message, or none when the hub closed the stream.
    async fn next<F: Frame>(&mut self) -> Option<F> {
        loop {
            if let Some(message) = F::decode(&mut self.buffer).expect("the hub's frames are right") {
                return Some(message);
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn down(&mut self) -> Down {
        self.next().await.expect("open")
    }

    async fn is_closed(&mut self) -> bool {
        let closed = async { while self.next::<Down>().await.is_some() {} };
        timeout(Duration::from_mins(1), closed).await.is_ok()
    }
}

fn queue_proxy(nonce: &[u8; 32], key: &[u8; 32]) -> Identity {
    let address: SocketAddr = POD.parse().unwrap();
    let transcript = Identity::transcript(nonce, UID, "user-1", address);
    Identity::QueueProxy {
        revision_uid: UID.into(),
        pod: "user-1".into(),
        address,
        proof: runtime::proof::prove(key, &transcript),
    }
}

fn demand(held: u32) -> Up {
    Up::Demand { revision_uid: UID.into(), held }
}

fn desired(replicas: u32) -> Down {
    Down::Desired { revision_uid: UID.into(), replicas, activators: 1, places: 100 }
}

fn up() -> Down {
    Down::EndpointUp { endpoint: Endpoint { revision_uid: UID.into(), address: POD.parse().unwrap() }, share: 100 }
}

#[tokio::test(start_paused = true)]
async fn demand_is_written_once_and_ready_is_passed_on() {
    let hub = Hub::new();
    let mut activator = hub.activator("a").await;
    assert_eq!(activator.down().await, Down::Endpoints(Vec::new()));
    activator.say(&demand(1)).await;
    assert_eq!(activator.down().await, desired(1));
    let mut pod = hub.pod("10.0.0.7:51234").await;
    pod.say(&Up::Ready).await;
    assert_eq!(activator.down().await, up());
    let mut late = hub.activator("b").await;
    let endpoint = Endpoint { revision_uid: UID.into(), address: POD.parse().unwrap() };
    assert_eq!(late.down().await, Down::Endpoints(vec![endpoint]));
    assert_eq!(late.down().await, Down::Desired { revision_uid: UID.into(), replicas: 1, activators: 2, places: 100 });
    assert_eq!(*hub.cluster.scaled.lock(), [("default/user-00001".to_owned(), 1)]);
    assert!(hub.metric(r#"todoapp_hub_connections{kind="activator"} 2"#));
    assert!(hub.metric(r#"todoapp_hub_connections{kind="queue-proxy"} 1"#));
    assert!(hub.metric(r#"todoapp_autoscaler_decisions_total{reason="demand"} 1"#));
    assert!(hub.metric(r#"todoapp_autoscaler_desired{namespace="default",revision="user-00001"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_tried_again_until_it_is_done() {
    let hub = Hub::new();
    hub.cluster.failures.store(3, Ordering::Relaxed);
    let mut activator = hub.activator("a").await;
    activator.say(&demand(1)).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(hub.cluster.scaled.lock().len(), 1);
    assert!(hub.metric(r#"todoapp_autoscaler_writes_total{result="error"} 3"#));
}

#[tokio::test(start_paused = true)]
async fn nobody_sits_without_a_proof() {
    let hub = Hub::new();
    let activator = |token: &str| Identity::Activator { pod: "a".into(), token: token.into() };
    let (_, stale) = hub.dial("10.0.0.7:1").await;
    let mut unknown = queue_proxy(&stale, &KEY);
    if let Identity::QueueProxy { revision_uid, .. } = &mut unknown {
        *revision_uid = "uid-2".into();
    }
    for (identity, reason) in [
        (activator("bad"), "bad-token"),
        (activator("slow"), "unchecked"),
        (activator("broken"), "unchecked"),
        (queue_proxy(&stale, &KEY), "bad-proof"),
        (unknown, "unknown-revision"),
    ] {
        let (mut client, _) = hub.dial("10.0.0.7:1").await;
        client.hello(identity).await;
        assert!(client.is_closed().await, "{reason}");
        let text = prometheus::TextEncoder::new().encode_to_string(&hub.registry.gather()).expect("text");
        assert!(text.contains(&format!(r#"todoapp_hub_rejected_total{{reason="{reason}"}}"#)), "{text}");
    }
    let (mut client, nonce) = hub.dial("10.0.0.7:1").await;
    client.hello(queue_proxy(&nonce, &[8; 32])).await;
    assert!(client.is_closed().await, "another key");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_nothing_or_nonsense_is_closed() {
    let hub = Hub::new();
    let (mut silent, _) = hub.dial("10.0.0.7:1").await;
    assert!(silent.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_rejected_total{reason="slow"} 1"#));

    let (mut nonsense, _) = hub.dial("10.0.0.7:1").await;
    nonsense.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(nonsense.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_rejected_total{reason="malformed"} 1"#));

    let (mut other, _) = hub.dial("10.0.0.7:1").await;
    other.say(&Hello { version: VERSION + 1, epoch: 1, identity: queue_proxy(&[0; 32], &KEY) }).await;
    assert!(other.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_rejected_total{reason="version"} 1"#));

    let mut pod = hub.pod("10.0.0.7:1").await;
    assert!(pod.is_closed().await, "no report for long");
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="silent"} 1"#));
    assert!(hub.metric(r#"todoapp_hub_connections{kind="queue-proxy"} 0"#));

    let mut pod = hub.pod("10.0.0.7:1").await;
    pod.say(&demand(99)).await;
    assert!(pod.is_closed().await);
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="violation"} 1"#));
    assert!(hub.cluster.scaled.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_address_of_another_host_waits_for_the_cluster() {
    let hub = Hub::new();
    let mut activator = hub.activator("a").await;
    activator.down().await;
    let mut pod = hub.pod("10.0.0.99:51234").await;
    pod.say(&Up::Ready).await;
    assert!(timeout(Duration::from_secs(3), activator.next::<Down>()).await.is_err());
    hub.cluster.confirms.store(true, Ordering::Relaxed);
    pod.say(&Up::Report { second: 4, loads: Vec::new() }).await;
    assert_eq!(activator.down().await, up());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_closed_and_holds_up_nobody() {
    let hub = Hub::new();
    let (mut stuck, _) = hub.dial_with("10.0.0.1:1", 512).await;
    stuck.hello(Identity::Activator { pod: "stuck".into(), token: "good".into() }).await;
    sleep(Duration::from_millis(1)).await;
    let mut activator = hub.activator("a").await;
    activator.down().await;
    let mut pod = hub.pod("10.0.0.7:51234").await;
    for _ in 0..1000 {
        pod.say(&Up::Ready).await;
        assert!(matches!(activator.down().await, Down::EndpointUp { .. }));
        pod.say(&Up::Draining).await;
        assert!(matches!(activator.down().await, Down::EndpointDown(_)));
    }
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="overflow"} 1"#));
    assert!(hub.metric(r#"todoapp_hub_connections{kind="activator"} 1"#));
    assert!(stuck.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_does_not_end_closes_the_stream() {
    let hub = Hub::new();
    let (mut stuck, _) = hub.dial_with("10.0.0.1:1", 512).await;
    stuck.hello(Identity::Activator { pod: "stuck".into(), token: "good".into() }).await;
    let mut pod = hub.pod("10.0.0.7:51234").await;
    for second in 1..40 {
        pod.say(&Up::Ready).await;
        pod.say(&Up::Draining).await;
        // It still reports, so only the write can tell.
        if second < 20 {
            stuck.say(&Up::Report { second, loads: Vec::new() }).await;
        }
        sleep(Duration::from_millis(300)).await;
    }
    assert!(hub.metric(r#"todoapp_hub_closed_total{reason="stuck"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn ticks_bring_a_revision_to_zero_and_show_it() {
    let hub = Hub::new();
    hub.autoscaler.set_replicas(UID, 0, 0);
    let running = tokio::spawn({
        let (autoscaler, close) = (hub.autoscaler.clone(), hub.close.clone());
        async move { autoscaler.run(close).await }
    });
    let mut activator = hub.activator("a").await;
    activator.say(&demand(1)).await;
    let mut pod = hub.pod("10.0.0.7:51234").await;
    pod.say(&Up::Ready).await;
    activator.say(&demand(0)).await;
    hub.autoscaler.set_replicas(UID, 1, 1);
    for second in 1..110 {
        let bucket = Bucket { second: second - 1, concurrency: 0.0, requests: 0 };
        let loads = vec![Load { revision_uid: UID.into(), now: 0, buckets: vec![bucket] }];
        pod.say(&Up::Report { second, loads }).await;
        activator.say(&Up::Report { second, loads: Vec::new() }).await;
        sleep(Duration::from_secs(1)).await;
    }
    let scaled: Vec<u32> = hub.cluster.scaled.lock().iter().map(|(_, replicas)| *replicas).collect();
    assert_eq!(scaled, [1, 0]);
    let state = hub.autoscaler.debug();
    assert_eq!(state["revisions"][0]["desired"], 0);
    assert_eq!(state["activators"][0], "a");
    let texts: Vec<&str> = state["revisions"][0]["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| decision["text"].as_str().unwrap())
        .collect();
    assert!(texts.iter().any(|text| text.contains("idle for the window and the grace")), "{texts:#?}");
    hub.close.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn it_serves_over_tcp_until_it_is_told_to_end() {
    let hub = Hub::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, hub.autoscaler.clone(), hub.close.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut buffer = BytesMut::new();
    while Challenge::decode(&mut buffer).unwrap().is_none() {
        assert!(stream.read_buf(&mut buffer).await.unwrap() > 0);
    }
    hub.close.cancel();
    serving.await.unwrap();
    assert_eq!(stream.read_buf(&mut buffer).await.unwrap_or(0), 0);
}

struct Ready;

impl runtime::hub::Opening for Ready {
    fn messages(&self) -> Vec<Up> {
        let loads = vec![Load { revision_uid: UID.into(), now: 2, buckets: Vec::new() }];
        vec![Up::Report { second: 9, loads }, Up::Ready]
    }
}

#[tokio::test]
async fn a_link_of_ours_is_understood() {
    let hub = Hub::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = runtime::hub::LinkConfig {
        address: listener.local_addr().unwrap().to_string(),
        identity: Box::new(|nonce, local| {
            let address = SocketAddr::new(local.ip(), 8012);
            let proof = runtime::proof::prove(&KEY, &Identity::transcript(nonce, UID, "user-1", address));
            Ok(Identity::QueueProxy { revision_uid: UID.into(), pod: "user-1".into(), address, proof })
        }),
        epoch: runtime::hub::epoch(),
    };
    tokio::spawn(serve(listener, hub.autoscaler.clone(), hub.close.clone()));
    let (_link, _events) = runtime::hub::Link::start(config, Arc::new(Ready), hub.close.clone());
    let pod = async {
        loop {
            let pod = hub.autoscaler.debug()["revisions"][0]["pods"][0].clone();
            if pod["announced"] == "Ready" {
                return pod;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let pod = timeout(Duration::from_secs(10), pod).await.expect("announced");
    assert_eq!((&pod["confirmed"], &pod["inFlight"]), (&true.into(), &2.into()));
    hub.close.cancel();
}
