use std::sync::Arc;

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_util::sync::CancellationToken;
use wire::{Endpoint, Frame, Identity};

use super::*;
use crate::hub::{Link, LinkConfig, Opening, Outbox};

struct State(Mutex<Vec<Up>>);

impl Opening for State {
    fn messages(&self) -> Vec<Up> {
        self.0.lock().clone()
    }
}

fn address() -> SocketAddr {
    ([10, 0, 0, 1], 4321).into()
}

fn line(opening: Vec<Up>) -> (Arc<Line>, Link, mpsc::Receiver<Event>) {
    let (events, receiver) = mpsc::channel(super::super::EVENTS_MAX);
    let outbox = Outbox::default();
    let link = Link { outbox: Arc::clone(&outbox) };
    let dialler = Line {
        config: LinkConfig {
            address: "hub:9000".to_owned(),
            identity: Box::new(|nonce, local| {
                assert_eq!(local, address());
                Ok(Identity::Activator { pod: "activator-0".to_owned(), token: format!("{}", nonce[0]) })
            }),
            epoch: 7,
            longest_pause: Duration::from_secs(2),
        },
        opening: Arc::new(State(Mutex::new(opening))),
        outbox,
        events,
        shutdown: CancellationToken::new(),
    };
    (Arc::new(dialler), link, receiver)
}

/// The hub's end of the pipe.
struct Hub {
    pipe: DuplexStream,
    buffer: BytesMut,
}

impl Hub {
    fn new(pipe: DuplexStream) -> Self {
        Self { pipe, buffer: BytesMut::new() }
    }

    async fn say(&mut self, message: &impl Frame) {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes).unwrap();
        self.pipe.write_all(&bytes).await.unwrap();
    }

    async fn hear<F: Frame>(&mut self) -> F {
        loop {
            if let Some(message) = F::decode(&mut self.buffer).unwrap() {
                return message;
            }
            assert_ne!(self.pipe.read_buf(&mut self.buffer).await.unwrap(), 0, "ended");
        }
    }

    async fn greet(&mut self) -> Hello {
        self.say(&Challenge { version: VERSION, nonce: [9; 32] }).await;
        self.hear().await
    }
}

fn demand(held: u32) -> Up {
    Up::Demand { revision_uid: "uid".to_owned(), held }
}

#[tokio::test(start_paused = true)]
async fn handshake_opening_changes_and_end() {
    let (dialler, link, mut events) = line(vec![Up::Ready, demand(3)]);
    let (ours, theirs) = tokio::io::duplex(4096);
    let task = tokio::spawn({
        let dialler = Arc::clone(&dialler);
        async move { converse(ours, address(), &dialler).await }
    });
    let mut hub = Hub::new(theirs);
    assert!(!link.connected());

    let hello = hub.greet().await;
    assert_eq!(hello.epoch, 7);
    assert_eq!(hello.identity, Identity::Activator { pod: "activator-0".to_owned(), token: "9".to_owned() });
    assert_eq!(hub.hear::<Up>().await, Up::Ready);
    assert_eq!(hub.hear::<Up>().await, demand(3));
    assert_eq!(events.recv().await, Some(Event::Connected));
    assert!(link.connected());

    link.send(demand(4));
    link.send(demand(5));
    assert_eq!(hub.hear::<Up>().await, demand(4));
    assert_eq!(hub.hear::<Up>().await, demand(5));

    let up = Down::EndpointUp { endpoint: Endpoint { revision_uid: "uid".to_owned(), address: address() }, share: 7 };
    hub.say(&up).await;
    assert_eq!(events.recv().await, Some(Event::Down(up)));

    drop(hub);
    assert_eq!(events.recv().await, Some(Event::Disconnected));
    task.await.unwrap().unwrap();
    assert!(!link.connected());
    link.send(demand(6));
}

#[tokio::test(start_paused = true)]
async fn a_silent_hub_is_left() {
    let (dialler, _link, mut events) = line(Vec::new());
    let (ours, _theirs) = tokio::io::duplex(4096);
    let ended = converse(ours, address(), &dialler).await;
    assert!(matches!(ended, Err(StreamError::NoChallenge)), "{ended:?}");
    assert!(events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stuck_hub_is_left_after_five_seconds() {
    let (dialler, _link, mut events) = line((0..1000).map(demand).collect());
    let (ours, theirs) = tokio::io::duplex(256);
    let task = tokio::spawn(async move { converse(ours, address(), &dialler).await });
    let mut hub = Hub::new(theirs);
    hub.greet().await;
    let ended = task.await.unwrap();
    assert!(matches!(ended, Err(StreamError::Stuck)), "{ended:?}");
    assert!(events.try_recv().is_err(), "never connected");
}

#[tokio::test(start_paused = true)]
async fn too_many_changes_end_the_stream_so_that_the_opening_repeats_them() {
    let (dialler, link, mut events) = line(Vec::new());
    let (ours, theirs) = tokio::io::duplex(64);
    let task = tokio::spawn(async move { converse(ours, address(), &dialler).await });
    let mut hub = Hub::new(theirs);
    hub.greet().await;
    assert_eq!(events.recv().await, Some(Event::Connected));
    for held in 0..=(OUTBOX_MAX as u32) {
        link.send(demand(held));
    }
    assert!(!link.connected());
    tokio::spawn(async move {
        loop {
            hub.hear::<Up>().await;
        }
    });
    let ended = task.await.unwrap();
    assert!(matches!(ended, Err(StreamError::Behind)), "{ended:?}");
    assert_eq!(events.recv().await, Some(Event::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_end_is_written() {
    let (dialler, link, mut events) = line(Vec::new());
    let (ours, theirs) = tokio::io::duplex(4096);
    let task = tokio::spawn({
        let dialler = Arc::clone(&dialler);
        async move { converse(ours, address(), &dialler).await }
    });
    let mut hub = Hub::new(theirs);
    hub.greet().await;
    assert_eq!(events.recv().await, Some(Event::Connected));
    link.send(Up::Draining);
    dialler.shutdown.cancel();
    assert_eq!(hub.hear::<Up>().await, Up::Draining);
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn dials_again_until_told_to_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let (link, mut events, dialling) = Link::new(
        LinkConfig {
            address: listener.local_addr().unwrap().to_string(),
            identity: Box::new(|_, _| {
                Ok(Identity::Activator { pod: "activator-0".to_owned(), token: "token".to_owned() })
            }),
            epoch: 1,
            longest_pause: Duration::from_secs(2),
        },
        Arc::new(State(Mutex::new(vec![Up::Ready]))),
        proxy::net::Tcp,
        shutdown.clone(),
    );
    tokio::spawn(dialling);
    for _ in 0..2 {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = BytesMut::new();
        Challenge { version: VERSION, nonce: [0; 32] }.encode(&mut bytes).unwrap();
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(events.recv().await, Some(Event::Connected));
        assert!(link.connected());
        drop(stream);
        assert_eq!(events.recv().await, Some(Event::Disconnected));
    }
    shutdown.cancel();
    while events.recv().await.is_some() {}
}
