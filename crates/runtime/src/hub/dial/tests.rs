use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use proxy::net::{Accept, Accepted, Dial};
use tokio::{
    io::DuplexStream,
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::hub::{Link, LinkConfig, Opening};

/// A network whose resolver loses the first questions.
#[derive(Clone)]
struct Lossy {
    lost: Arc<AtomicU32>,
    connected: mpsc::Sender<DuplexStream>,
}

struct Nobody;

impl Accept for Nobody {
    type Io = DuplexStream;

    async fn accept(&self) -> io::Result<Accepted<DuplexStream>> {
        std::future::pending().await
    }
}

impl Dial for Lossy {
    type Io = DuplexStream;

    async fn dial(&self, _: SocketAddr) -> io::Result<DuplexStream> {
        std::future::pending().await
    }
}

impl Network for Lossy {
    type Listener = Nobody;

    fn listen(&self, _: SocketAddr) -> io::Result<Nobody> {
        Ok(Nobody)
    }

    async fn dial_name(&self, _: &str) -> io::Result<(DuplexStream, SocketAddr)> {
        if self.lost.fetch_sub(1, Ordering::Relaxed) > 0 {
            // The C library asks again after five seconds.
            sleep(Duration::from_secs(5)).await;
        }
        let (ours, theirs) = tokio::io::duplex(64);
        let _ = self.connected.send(theirs).await;
        Ok((ours, ([127, 0, 0, 1], 1).into()))
    }
}

struct Nothing;

impl Opening for Nothing {
    fn messages(&self) -> Vec<wire::Up> {
        Vec::new()
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_lost_is_asked_again_at_once() {
    let (connected, mut streams) = mpsc::channel(1);
    let network = Lossy { lost: Arc::new(AtomicU32::new(1)), connected };
    let config = LinkConfig {
        address: "hub:9000".to_owned(),
        identity: Box::new(|_, _| unreachable!("nobody asked")),
        epoch: 1,
        longest_pause: Duration::from_secs(2),
    };
    let shutdown = CancellationToken::new();
    let (_link, _events, dialling) = Link::new(config, Arc::new(Nothing), network, shutdown.clone());
    let began = Instant::now();
    tokio::spawn(dialling);
    streams.recv().await.expect("a stream");
    assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
    shutdown.cancel();
}
