//! The virtual network, by itself and below HTTP.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_body_util::BodyExt;
use proxy::Body;
use proxy::upstream::{Pool, PoolLimits};
use testkit::net::{Dialer, Host, Listener, SILENCE_MAX, Stream};
use testkit::{Delay, Network, Seed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

struct World {
    network: Network,
    client: Host,
    server: Host,
    listener: Listener,
    to: SocketAddr,
}

fn world() -> World {
    let network = Network::new(Seed::new(1));
    let (client, server) = (network.host(ip(1)), network.host(ip(2)));
    let listener = server.listen(80).expect("free");
    World { network, client, server, to: listener.address(), listener }
}

impl World {
    async fn pair(&self) -> (Stream, Stream) {
        let (connected, accepted) = tokio::join!(self.client.connect(self.to), self.listener.accept());
        (connected.expect("connected"), accepted.expect("accepted"))
    }
}

fn kind<T: std::fmt::Debug>(result: std::io::Result<T>) -> ErrorKind {
    result.expect_err("an error").kind()
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_in_order_and_after_their_way() {
    let world = world();
    world.network.set_latency(Delay::ms(5));
    let begun = Instant::now();
    let (mut here, mut there) = world.pair().await;
    assert_eq!(begun.elapsed().as_millis(), 10);
    assert_eq!((here.peer(), there.peer()), (world.to, here.local()));
    here.write_all(b"ping").await.expect("written");
    here.shutdown().await.expect("ended");
    let mut heard = Vec::new();
    there.read_to_end(&mut heard).await.expect("read");
    assert_eq!((heard.as_slice(), begun.elapsed().as_millis()), (&b"ping"[..], 15));
    there.write_all(b"pong").await.expect("the other direction is open");
    drop(there);
    let mut heard = String::new();
    here.read_to_string(&mut heard).await.expect("read");
    assert_eq!(heard, "pong");
    drop(here);
    assert_eq!(world.network.open_streams(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_large_message_is_bounded_by_the_window() {
    let world = world();
    let (mut here, mut there) = world.pair().await;
    let sent = vec![7_u8; 5 << 20];
    let writes = async {
        here.write_all(&sent).await.expect("written");
        here.shutdown().await.expect("ended");
    };
    let mut heard = Vec::new();
    let ((), read) = tokio::join!(writes, there.read_to_end(&mut heard));
    assert_eq!((read.expect("read"), heard.len()), (5 << 20, 5 << 20));
    let stuck = timeout(Duration::from_hours(1), there.write_all(&sent)).await;
    assert!(stuck.is_err(), "nobody reads");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_listen_refuses_and_who_is_not_there_is_silent() {
    let world = world();
    let nobody = SocketAddr::new(ip(2), 81);
    assert_eq!(kind(world.client.connect(nobody).await.map(|_| ())), ErrorKind::ConnectionRefused);
    let begun = Instant::now();
    let nowhere = SocketAddr::new(ip(9), 80);
    assert_eq!(kind(world.client.connect(nowhere).await.map(|_| ())), ErrorKind::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), 127);
    assert_eq!(kind(world.server.listen(80).map(|_| ())), ErrorKind::AddrInUse);
    drop(world.listener);
    assert_eq!(kind(world.client.connect(world.to).await.map(|_| ())), ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn names_lead_to_addresses_one_after_another() {
    let world = world();
    assert_eq!(kind(world.client.connect_to("hub.sys.svc:80").await.map(|_| ())), ErrorKind::NotFound);
    world.network.host(ip(3));
    world.network.set_name("hub.sys.svc", &[ip(3), ip(2)]);
    let stream = world.client.connect_to("hub.sys.svc.:80").await.expect("the second one listens");
    assert_eq!(stream.peer(), world.to);
}

#[tokio::test(start_paused = true)]
async fn a_killed_host_resets_its_streams_and_its_port_is_closed() {
    let world = world();
    let (mut here, _there) = world.pair().await;
    let waits = tokio::spawn(async move { here.read_u8().await });
    sleep(Duration::from_secs(1)).await;
    world.network.kill(ip(2));
    assert_eq!(kind(waits.await.expect("joined")), ErrorKind::ConnectionReset);
    assert_eq!(kind(world.listener.accept().await.map(|_| ())), ErrorKind::ConnectionAborted);
    assert_eq!(kind(world.client.connect(world.to).await.map(|_| ())), ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_outlives_its_host_leaves_the_next_ones_port_open() {
    let World { network, client, server, to, listener } = world();
    network.kill(ip(2));
    let next = server.listen(80).expect("the port was closed");
    drop(listener);
    let (connected, accepted) = tokio::join!(client.connect(to), next.accept());
    assert_eq!(connected.expect("connected").peer(), accepted.expect("accepted").local());
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_into_a_short_cut_arrives_after_it() {
    let world = world();
    let (mut here, mut there) = world.pair().await;
    world.network.cut(&[ip(1)], &[ip(2)]);
    here.write_all(b"x").await.expect("written");
    assert!(timeout(Duration::from_secs(5), there.read_u8()).await.is_err());
    world.network.heal();
    assert_eq!(there.read_u8().await.expect("read"), b'x');
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_stream_at_both_ends() {
    let world = world();
    let (mut here, mut there) = world.pair().await;
    sleep(Duration::from_mins(1)).await;
    let begun = Instant::now();
    world.network.lose(ip(2));
    let (one, other) = tokio::join!(here.read_u8(), there.read_u8());
    assert_eq!((kind(one), kind(other)), (ErrorKind::TimedOut, ErrorKind::TimedOut));
    assert_eq!(begun.elapsed(), SILENCE_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_reset_does_not_get_through_a_cut() {
    let world = world();
    let (mut here, there) = world.pair().await;
    world.network.cut(&[ip(1)], &[ip(2)]);
    there.reset();
    assert!(timeout(Duration::from_secs(5), here.read_u8()).await.is_err());
    world.network.heal();
    assert_eq!(kind(here.read_u8().await), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn who_writes_to_one_that_is_gone_is_told() {
    let world = world();
    let (mut here, mut there) = world.pair().await;
    there.write_all(b"bye").await.expect("written");
    drop(there);
    assert_eq!(kind(here.write_all(b"x").await), ErrorKind::ConnectionReset);
    let mut heard = String::new();
    here.read_to_string(&mut heard).await.expect("what was sent before");
    assert_eq!(heard, "bye");
}

#[tokio::test(start_paused = true)]
async fn the_proxys_pool_and_listener_speak_over_it() {
    let world = world();
    world.network.set_latency(Delay::ms(2));
    let shutdown = CancellationToken::new();
    let answer = |_, _| async { http::Response::new(Body::full("hello")) };
    let limits = proxy::listen::Limits::default();
    tokio::spawn(proxy::listen::serve(world.listener, answer, limits, shutdown.clone(), Duration::from_secs(1)));
    let pool = Pool::with_dial(PoolLimits::default(), Dialer(world.client.clone()));
    for (protocol, round) in [(wire::Protocol::Http1, 1), (wire::Protocol::Http1, 2), (wire::Protocol::H2c, 1)] {
        let begun = Instant::now();
        let request = http::Request::get("http://app/").body(Body::empty()).expect("a request");
        let response = pool.send(world.to, protocol, request).await.expect("an answer");
        assert_eq!(response.into_body().collect().await.expect("a body").to_bytes(), "hello");
        assert!(begun.elapsed().as_millis() < 20, "{protocol:?} {round}: {:?}", begun.elapsed());
    }
    shutdown.cancel();
}
