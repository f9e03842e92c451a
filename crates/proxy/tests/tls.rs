//! Handshakes that do not come to an end, on pipes and virtual time.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http::Response;
use parking_lot::Mutex;
use proxy::{
    Body,
    listen::{Limits, serve_tls},
    net::{Accept, Accepted},
    tls::{HANDSHAKE_TIMEOUT, Identities, Identity, Shaken},
};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// Connections that the test makes.
struct Pipes(tokio::sync::Mutex<mpsc::UnboundedReceiver<DuplexStream>>);

impl Accept for Pipes {
    type Io = DuplexStream;

    async fn accept(&self) -> io::Result<Accepted<DuplexStream>> {
        let next = self.0.lock().await.recv().await;
        let io = next.ok_or(io::ErrorKind::ConnectionAborted)?;
        let nowhere = SocketAddr::from(([10, 0, 0, 1], 1));
        Ok(Accepted { io, peer: nowhere, local: nowhere })
    }
}

/// Knows no name.
#[derive(Default)]
struct Nobody(Mutex<Vec<Shaken>>);

impl Identities for Nobody {
    fn find(&self, _name: Option<&str>) -> Option<Arc<Identity>> {
        None
    }

    fn shaken(&self, how: Shaken) {
        self.0.lock().push(how);
    }
}

struct Door {
    connect: mpsc::UnboundedSender<DuplexStream>,
    identities: Arc<Nobody>,
    end: CancellationToken,
    served: tokio::task::JoinHandle<usize>,
}

impl Door {
    fn new(connections: usize) -> Self {
        let (connect, pipes) = mpsc::unbounded_channel();
        let identities = Arc::<Nobody>::default();
        let end = CancellationToken::new();
        let handler = |_, _| async { Response::new(Body::empty()) };
        let limits = Limits { connections, ..Limits::default() };
        let pipes = Pipes(tokio::sync::Mutex::new(pipes));
        let known = Arc::clone(&identities);
        let served = tokio::spawn(serve_tls(pipes, known, handler, limits, end.clone(), Duration::from_secs(1)));
        Self { connect, identities, end, served }
    }

    fn client(&self) -> DuplexStream {
        let (client, server) = duplex(4096);
        self.connect.send(server).unwrap();
        client
    }
}

/// The first message of a client that asks for a name.
fn hello() -> Vec<u8> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), "a.example".try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// RFC 8446, 6: alert, version, length, fatal, unrecognized_name.
const REFUSED: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

#[tokio::test(start_paused = true)]
async fn a_handshake_has_ten_seconds_however_it_trickles() {
    let door = Door::new(10);
    let start = Instant::now();
    let mut silent = door.client();
    let (mut reading, mut writing) = tokio::io::split(door.client());
    let trickle = tokio::spawn(async move {
        for byte in hello() {
            if writing.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(900)).await;
        }
    });
    assert_eq!(silent.read(&mut [0; 9]).await.unwrap(), 0);
    assert_eq!(reading.read(&mut [0; 9]).await.unwrap(), 0);
    assert_eq!(start.elapsed(), HANDSHAKE_TIMEOUT);
    trickle.await.unwrap();
    assert_eq!(*door.identities.0.lock(), [Shaken::Late, Shaken::Late]);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_occupies_a_place() {
    let door = Door::new(1);
    let start = Instant::now();
    let _silent = door.client();
    let mut second = door.client();
    second.write_all(&hello()).await.unwrap();
    let mut said = Vec::new();
    second.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, REFUSED);
    assert_eq!(start.elapsed(), HANDSHAKE_TIMEOUT);
    assert_eq!(*door.identities.0.lock(), [Shaken::Late, Shaken::UnknownName]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_tls_ends_at_once() {
    let door = Door::new(1);
    let mut client = door.client();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    client.read_to_end(&mut said).await.unwrap();
    // An alert, and not the answer to a request.
    assert_eq!(said.first(), Some(&21));
    assert_eq!(*door.identities.0.lock(), [Shaken::Failed]);
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_handshakes_longer_than_for_requests() {
    let door = Door::new(1);
    let _silent = door.client();
    tokio::task::yield_now().await;
    let start = Instant::now();
    door.end.cancel();
    assert_eq!(door.served.await.unwrap(), 1);
    assert!(start.elapsed() <= Duration::from_millis(1100), "{:?}", start.elapsed());
}
