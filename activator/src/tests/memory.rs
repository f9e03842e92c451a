//! What a sleeping app and a held request cost on the heap: counted, not measured.
//!
//! The allocator counts for the whole process, so each counting test runs in a process of its own.

use std::{
    alloc::System,
    io::Write as _,
    net::{IpAddr, SocketAddr, TcpStream as Client},
    process::Command,
    time::Duration,
};

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use wire::{Down, Endpoint};

use super::world::{Bounds, PATIENCE, World};
use crate::{endpoints::HUB_TRUST, ports};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Apps before the count, and apps that are counted.
const BEFORE: u16 = 100;
const COUNTED: u16 = 100;
/// An address of this machine that no other test listens on.
const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 83, 7, 1));
const FIRST_PORT: u16 = 21_000;

/// Bytes of heap that a sleeping app may take. Its socket is in the kernel and takes four times as much.
const EACH_MAX: usize = 1_100;

/// Requests that are held before the count, and that are counted.
const HELD_BEFORE: usize = 100;
const HELD_COUNTED: usize = 400;
const BODY: usize = 1024;

/// Bytes of heap that a held request of HTTP/1 may take, with its connection: 16384 in hyper's two buffers, 2330 in its
/// future, 1400 in its connection's task, 1250 in its map of fields, 1060 in timers, place in the queue and copies.
const HELD_EACH_MAX: usize = 22_800;
/// The same with a body of [`BODY`] bytes.
const HELD_BODY_EACH_MAX: usize = 24_100;

/// Heap in use now.
fn heap() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

fn sleeping(world: &mut World, number: u16) {
    let (app, revision) = (format!("app-{number:05}"), format!("app-{number:05}-00001"));
    world.app(
        &app,
        json!({}),
        &json!({
            "url": format!("http://{app}.default.apps.example.com"),
            "clusterPort": FIRST_PORT + number,
            "traffic": [{"revision": revision, "percent": 100}],
        }),
    );
    world.revision(&app, &revision, 0);
}

/// A pod has come, answered nobody and gone.
fn was_awake(world: &mut World, number: u16) {
    let uid = format!("uid-app-{number:05}-00001");
    let address = SocketAddr::from(([10, 9, (number >> 8) as u8, number as u8], 8012));
    world.desired(&uid, 1);
    world.up(&uid, address);
    world.slice(&uid, &[(address, true)]);
    world.revisions.hear(Down::EndpointDown(Endpoint { revision_uid: uid.clone(), address }));
    world.slice(&uid, &[]);
    world.desired(&uid, 0);
}

async fn listening(number: u16) {
    while TcpStream::connect((IP, FIRST_PORT + number)).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// Prints what the counted apps cost each, in bytes.
#[tokio::test(start_paused = true)]
#[ignore = "counts the heap of its process: started by the test below"]
async fn count() {
    let mut world = World::new();
    for number in 0..BEFORE {
        sleeping(&mut world, number);
    }
    tokio::spawn(ports::run(world.activator.clone(), proxy::net::Tcp, IP, CancellationToken::new()).unwrap());
    listening(BEFORE - 1).await;
    let before = heap();
    for number in BEFORE..BEFORE + COUNTED {
        sleeping(&mut world, number);
    }
    listening(BEFORE + COUNTED - 1).await;
    let asleep = heap() - before;
    for number in BEFORE..BEFORE + COUNTED {
        was_awake(&mut world, number);
    }
    // What the hub announced is believed for a while, and then forgotten.
    tokio::time::sleep(2 * HUB_TRUST).await;
    let asleep_again = heap() - before;
    println!("{} {}", asleep / usize::from(COUNTED), asleep_again / usize::from(COUNTED));
}

/// Sends requests whose app has no pod, each on a connection of its own, and waits until they are held whole.
async fn hold(world: &World, clients: &mut Vec<Client>, more: usize, body: usize) {
    let head = format!("POST / HTTP/1.1\r\nhost: web.default.test\r\ncontent-length: {body}\r\n\r\n");
    let request = [head.into_bytes(), vec![b'x'; body]].concat();
    for _ in 0..more {
        let mut client = Client::connect(world.public).unwrap();
        client.write_all(&request).unwrap();
        clients.push(client);
    }
    let room = &world.activator.shared.room;
    let all_held = async {
        while (room.taken(), room.bytes()) != (clients.len(), clients.len() * body) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_held).await.expect("all are held");
}

async fn held_each(body: usize) -> usize {
    let mut world = World::with(&Bounds { hold_count: HELD_BEFORE + HELD_COUNTED, ..Bounds::default() });
    world.simple("web", 0);
    let mut clients = Vec::with_capacity(HELD_BEFORE + HELD_COUNTED);
    hold(&world, &mut clients, HELD_BEFORE, body).await;
    let before = heap();
    hold(&world, &mut clients, HELD_COUNTED, body).await;
    (heap() - before) / HELD_COUNTED
}

/// Prints what the counted requests cost each, in bytes: without a body and with one.
#[tokio::test]
#[ignore = "counts the heap of its process: started by the test below"]
async fn count_held() {
    println!("{} {}", held_each(0).await, held_each(BODY).await);
}

/// The two figures that a counting test prints.
fn figures(counting: &str) -> (usize, usize) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--exact", counting, "--ignored", "--nocapture"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().find_map(|line| {
        let (one, other) = line.split_once(' ')?;
        Some((one.parse().ok()?, other.parse().ok()?))
    });
    figures.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_held_request_takes_little_besides_the_buffers_of_its_connection() {
    let (bare, with_body) = figures("tests::memory::count_held");
    assert!(bare <= HELD_EACH_MAX, "{bare} bytes of heap for a held request");
    assert!(with_body <= HELD_BODY_EACH_MAX, "{with_body} bytes of heap for a held request with a body");
}

#[test]
fn a_sleeping_app_takes_little_before_and_after_it_was_awake() {
    let (asleep, again) = figures("tests::memory::count");
    assert!(asleep <= EACH_MAX, "{asleep} bytes of heap for a sleeping app");
    assert!(again <= EACH_MAX, "{again} bytes of heap for an app that sleeps again");
}
