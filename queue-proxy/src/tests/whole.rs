//! The whole program on a virtual network and virtual time.

use std::net::IpAddr;

use bytes::BytesMut;
use proxy::Body;
use proxy::net::{Accept, Dial};
use testkit::net::{Dialer, Host, Listener, Stream};
use testkit::{Network, Seed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;
use wire::{Challenge, Frame, Up, VERSION};

use super::*;

const POD: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const HUB: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3));
const APP_PORT: u16 = 3000;

/// The app: on `host`, an answer after `takes`.
async fn app_on(host: Host, takes: Duration) {
    let listener = host.listen(APP_PORT).unwrap();
    let answer = move |_, _| async move {
        tokio::time::sleep(takes).await;
        Response::new(Body::full("whole"))
    };
    let limits = proxy::listen::Limits::default();
    proxy::listen::serve(listener, answer, limits, CancellationToken::new(), Duration::ZERO).await;
}

/// The hub: welcomes one stream, reads until it says `wanted`, and gives it.
async fn hub_hears(listener: &Listener, wanted: Up) -> Stream {
    let mut io: Stream = Accept::accept(listener).await.unwrap().io;
    let mut bytes = BytesMut::new();
    Challenge { version: VERSION, nonce: [7; 32] }.encode(&mut bytes).unwrap();
    io.write_all(&bytes).await.unwrap();
    let mut read = BytesMut::new();
    while wire::Hello::decode(&mut read).unwrap().is_none() {
        io.read_buf(&mut read).await.unwrap();
    }
    loop {
        match Up::decode(&mut read).unwrap() {
            Some(said) if said == wanted => return io,
            Some(_) => {}
            None => assert!(io.read_buf(&mut read).await.unwrap() > 0, "the line ended"),
        }
    }
}

async fn ask(host: Host) -> anyhow::Result<(u16, Bytes)> {
    let io = TokioIo::new(Dialer(host).dial(SocketAddr::new(POD, start::TRAFFIC_PORT)).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "app.example").body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok((head.status.as_u16(), body.collect().await?.to_bytes()))
}

fn config() -> Config {
    Config::from_env(|name| {
        Some(match name {
            "TODOAPP_KEY" => "ab".repeat(32),
            "TODOAPP_REVISION" => "default/user-00001".to_owned(),
            "TODOAPP_REVISION_UID" => "uid".to_owned(),
            "HOSTNAME" => "user-00001-abc".to_owned(),
            "TODOAPP_APP_PORT" => APP_PORT.to_string(),
            "TODOAPP_HUB" => "hub.test:9000".to_owned(),
            _ => return None,
        })
    })
    .unwrap()
}

struct World {
    network: Network,
    hub: Listener,
}

fn world(app_takes: Duration) -> World {
    let network = Network::new(Seed::new(1));
    network.set_name("hub.test", &[HUB]);
    let hub = network.host(HUB).listen(9000).unwrap();
    tokio::spawn(app_on(network.host(POD), app_takes));
    World { network, hub }
}

#[tokio::test(start_paused = true)]
async fn ready_serves_and_drains() {
    let world = world(Duration::from_secs(2));
    let sigterm = CancellationToken::new();
    let pod = tokio::spawn(crate::run_on(config(), Dialer(world.network.host(POD)), Arc::default(), sigterm.clone()));
    let _line = hub_hears(&world.hub, Up::Ready).await;
    let asked = tokio::spawn(ask(world.network.host(CLIENT)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let told = Instant::now();
    sigterm.cancel();
    pod.await.unwrap().unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), (200, Bytes::from("whole")));
    assert!(told.elapsed() < Duration::from_secs(4), "{:?}", told.elapsed());
}

#[tokio::test(start_paused = true)]
async fn killed_nothing_of_it_goes_on() {
    let world = world(Duration::from_hours(1));
    let pod = tokio::spawn(crate::run_on(
        config(),
        Dialer(world.network.host(POD)),
        Arc::default(),
        CancellationToken::new(),
    ));
    let line = hub_hears(&world.hub, Up::Ready).await;
    let asked = tokio::spawn(ask(world.network.host(CLIENT)));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!asked.is_finished());
    pod.abort();
    assert!(pod.await.unwrap_err().is_cancelled());
    // No reset by the network: the program itself lets go of everything.
    asked.await.unwrap().unwrap_err();
    drop(line);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.network.open_streams(), 0);
}
