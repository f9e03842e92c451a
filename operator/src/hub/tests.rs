//! Whole streams in memory, on paused time.

mod bounds;
mod cluster;
mod crowd;
mod decisions;
mod outcomes;
mod proof;
mod scalein;
mod tcp;
mod wear;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wire::{Bucket, Challenge, Down, Endpoint, Frame, Hello, Identity, Load, Up, VERSION};

use self::cluster::{Cluster, Marking};
use super::{Ears, Verifier, stream};
use crate::autoscaler::{Autoscaler, Candidate, Mark, Metrics, RevisionEntry, ScaleWriter};
use crate::clock::Clock;
use crate::outcomes::Outcomes;

const UID: &str = "uid-1";
const KEY: [u8; 32] = [7; 32];
const POD: &str = "10.0.0.7:8012";

struct Hub {
    cluster: Arc<Cluster>,
    autoscaler: Autoscaler,
    outcomes: Outcomes,
    registry: Registry,
    close: CancellationToken,
}

impl Hub {
    /// With one sleeping revision.
    fn new() -> Self {
        Self::with(0)
    }

    /// With one revision of so many pods, all ready.
    fn with(replicas: u32) -> Self {
        let (cluster, registry) = (Arc::new(Cluster::default()), Registry::new());
        let metrics = Metrics::register(&registry).expect("unique names");
        let autoscaler =
            Autoscaler::new(Arc::clone(&cluster) as _, Arc::clone(&cluster) as _, metrics, Clock::system());
        autoscaler.upsert(entry(scaling::Spec::default()));
        autoscaler.set_replicas(UID, replicas, replicas);
        Self { cluster, autoscaler, outcomes: Outcomes::default(), registry, close: CancellationToken::new() }
    }

    /// Ticks until it is told to end.
    fn run(&self) -> JoinHandle<()> {
        let (autoscaler, close) = (self.autoscaler.clone(), self.close.clone());
        tokio::spawn(async move { autoscaler.run(close).await })
    }

    /// Scales that were written, in order.
    fn scaled(&self) -> Vec<u32> {
        self.cluster.scaled.lock().iter().map(|(_, replicas)| *replicas).collect()
    }

    /// A new stream that has been sent the challenge.
    async fn dial(&self, from: &str) -> (Client, [u8; 32]) {
        self.dial_with(from, 1 << 16).await
    }

    async fn dial_with(&self, from: &str, room: usize) -> (Client, [u8; 32]) {
        let (near, far) = tokio::io::duplex(room);
        let ears = Ears { autoscaler: self.autoscaler.clone(), outcomes: self.outcomes.clone() };
        let (from, close) = (from.parse().unwrap(), self.close.child_token());
        tokio::spawn(async move { stream::attend(far, from, &ears, close, ()).await });
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

    /// `pod-7` listens at 10.1.0.7 and dials from there.
    async fn numbered(&self, number: u16) -> Client {
        let [high, low] = number.to_be_bytes();
        let address = SocketAddr::from(([10, 1, high, low], 8012));
        let (mut client, nonce) = self.dial(&address.to_string()).await;
        client.hello(queue_proxy_of(&nonce, &KEY, &format!("pod-{number}"), address)).await;
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

fn entry(spec: scaling::Spec) -> RevisionEntry {
    RevisionEntry {
        uid: UID.into(),
        namespace: "default".into(),
        name: "user-00001".into(),
        spec,
        schedules: policy::Schedules::default(),
        routed: true,
        initial: false,
    }
}

fn queue_proxy(nonce: &[u8; 32], key: &[u8; 32]) -> Identity {
    queue_proxy_of(nonce, key, "user-1", POD.parse().unwrap())
}

fn queue_proxy_of(nonce: &[u8; 32], key: &[u8; 32], pod: &str, address: SocketAddr) -> Identity {
    let proof = runtime::proof::prove(key, &Identity::transcript(nonce, UID, pod, address));
    Identity::QueueProxy { revision_uid: UID.into(), pod: pod.into(), address, proof }
}

/// So many requests run in a pod, and the same number ran in each of `buckets` seconds.
fn report(second: u64, in_flight: u16, buckets: u64) -> Up {
    let concurrency = f32::from(in_flight);
    let bucket = |second| Bucket { second, concurrency, requests: 0 };
    let buckets = (second - buckets..second).map(bucket).collect();
    Up::Report { second, loads: vec![Load { revision_uid: UID.into(), now: in_flight.into(), buckets }] }
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
