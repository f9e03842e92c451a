//! What a sleeping app costs on the heap: counted, not measured.
//!
//! The allocator counts for the whole process, so the counting test runs in a process of its own.

use std::{
    alloc::System,
    net::{IpAddr, SocketAddr},
    process::Command,
};

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use wire::{Down, Endpoint};

use super::world::World;
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

#[test]
fn a_sleeping_app_takes_little_before_and_after_it_was_awake() {
    let program = std::env::current_exe().unwrap();
    let counting = ["--exact", "tests::memory::count", "--ignored", "--nocapture"];
    let output = Command::new(program).args(counting).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().find_map(|line| {
        let (asleep, again) = line.split_once(' ')?;
        Some((asleep.parse::<usize>().ok()?, again.parse::<usize>().ok()?))
    });
    let (asleep, again) = figures.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    assert!(asleep <= EACH_MAX, "{asleep} bytes of heap for a sleeping app");
    assert!(again <= EACH_MAX, "{again} bytes of heap for an app that sleeps again");
}
