//! Hostile HTTP/2, frame by frame: the connection ends or its streams are refused, memory stays flat, and others are
//! served meanwhile.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    alloc::System,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Request;
use hyper::body::Incoming;
use proxy::listen::Limits;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex,
    time::timeout,
};
use wire::Protocol::Http1;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;
/// The allocator is the process's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
/// What one connection may have in memory: its windows, buffers and streams, with room.
const MEMORY_MAX: usize = 4 << 20;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const REFUSED_STREAM: u32 = 7;
/// GET http://a/ in HPACK, and the same as a POST.
const GET: &[u8] = b"\x82\x86\x84\x01\x01a";
const POST: &[u8] = b"\x83\x86\x84\x01\x01a";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The bytes that are in use.
fn memory() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// A listener that never answers `/` and counts how many of these are with its handler.
struct Victim {
    server: Server,
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn victim() -> Victim {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, max) = (Arc::clone(&inside), Arc::clone(&most));
    let server = serve(move |request: Request<Incoming>, _| {
        let inside = (request.uri().path() == "/").then(|| {
            max.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            Inside(Arc::clone(&count))
        });
        async move {
            if inside.is_some() {
                std::future::pending::<()>().await;
            }
            answer("served")
        }
    });
    Victim { server, inside, most }
}

/// What the victim said to an attacker.
#[derive(Default)]
struct Said {
    /// Kind, stream and the code of an error; not of what merely answers a frame.
    frames: Vec<(u8, u32, u32)>,
    ended: bool,
}

impl Said {
    fn count(&self, kind: u8) -> usize {
        self.frames.iter().filter(|frame| frame.0 == kind).count()
    }
}

async fn attack(to: SocketAddr) -> (OwnedReadHalf, OwnedWriteHalf) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, b"")).await.unwrap();
    stream.into_split()
}

/// Reads frames until the end, or until nothing more has come for a while.
async fn listen(mut from: OwnedReadHalf) -> Said {
    let mut said = Said::default();
    let mut head = [0; 9];
    loop {
        match timeout(Duration::from_millis(500), from.read_exact(&mut head)).await {
            Err(_) => return said,
            Ok(Err(_)) => {
                said.ended = true;
                return said;
            }
            Ok(Ok(_)) => {}
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if from.read_exact(&mut payload).await.is_err() {
            said.ended = true;
            return said;
        }
        let word = |at: usize| payload.get(at..at + 4).map_or(0, |word| u32::from_be_bytes(word.try_into().unwrap()));
        let code = if head[3] == GOAWAY { word(4) } else { word(0) };
        if !matches!(head[3], PING | SETTINGS) {
            said.frames.push((head[3], u32::from_be_bytes(head[5..9].try_into().unwrap()), code));
        }
    }
}

/// Says `frames` again and again, as often as `times`, until the victim hangs up or takes no more for a while. Somebody
/// else is served amid it. Gives what the victim said, and by how many bytes its memory grew at most.
async fn flood(
    victim: &Victim,
    first: Vec<u8>,
    times: u32,
    frames: impl Fn(u32) -> Vec<u8>,
    deaf: bool,
) -> (Said, usize) {
    let before = memory();
    let (read, mut write) = attack(victim.server.address).await;
    write.write_all(&first).await.unwrap();
    let heard = (!deaf).then(|| tokio::spawn(listen(read)));
    let mut most = 0;
    for n in 0..times {
        let sent = timeout(Duration::from_millis(500), write.write_all(&frames(n))).await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
        if n % 512 == 0 {
            most = most.max(memory().saturating_sub(before));
            served(victim).await;
        }
    }
    most = most.max(memory().saturating_sub(before));
    served(victim).await;
    let said = match heard {
        Some(heard) => within(heard).await.unwrap(),
        None => Said::default(),
    };
    (said, most)
}

async fn served(victim: &Victim) {
    let mut client = h1(victim.server.address).await;
    assert_eq!(text(within(client.send_request(get("/other"))).await.unwrap()).await, "served");
}

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let victim = victim();
    // CVE-2023-44487: many in one segment, so that they are reset before they are taken up.
    let burst = |n: u32| {
        let pair = |at: u32| {
            let stream = 1 + 2 * (100 * n + at);
            [frame(HEADERS, END_STREAM | END_HEADERS, stream, GET), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])]
                .concat()
        };
        (0..100).flat_map(pair).collect()
    };
    let (said, memory) = flood(&victim, Vec::new(), 1_000, burst, false).await;
    assert!(said.ended && said.count(GOAWAY) > 0, "{:?}", said.frames);
    assert!(memory < MEMORY_MAX, "{memory}");
    until(|| victim.inside.load(Ordering::SeqCst) == 0).await;
    assert!(victim.most.load(Ordering::SeqCst) <= 256, "{:?}", victim.most);
}

#[tokio::test]
async fn a_head_without_an_end_ends_the_connection() {
    let _turn = ONE_AT_A_TIME.lock().await;
    for payload in [&b""[..], &[0x01; 64], &[0x40; 16_384]] {
        let victim = victim();
        let first = frame(HEADERS, 0, 1, GET);
        let (said, memory) = flood(&victim, first, 20_000, |_| frame(CONTINUATION, 0, 1, payload), false).await;
        assert!(said.ended, "{:?}", said.frames);
        assert!(memory < MEMORY_MAX, "{memory}");
        assert_eq!(victim.most.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn settings_and_pings_fill_no_memory_even_if_nobody_hears_the_answers() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let ping = frame(PING, 0, 0, &[0; 8]).repeat(500);
    let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]).repeat(500);
    for frames in [ping, settings] {
        for deaf in [false, true] {
            let victim = victim();
            let (_, memory) = flood(&victim, Vec::new(), 600, |_| frames.clone(), deaf).await;
            assert!(memory < MEMORY_MAX, "{memory}");
        }
    }
}

#[tokio::test]
async fn data_without_data_ends_the_connection() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let victim = victim();
    let first = frame(HEADERS, END_HEADERS, 1, POST);
    let (said, memory) = flood(&victim, first, 20_000, |_| frame(DATA, 0, 1, b"").repeat(50), false).await;
    assert!(said.ended && said.count(GOAWAY) > 0, "{:?}", said.frames);
    assert!(memory < MEMORY_MAX, "{memory}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let victim = victim();
    // Literal fields of 8 KiB each: length 8190 in HPACK's integers.
    let field = [&b"\x00\x01x\x7f\xff\x3e"[..], &[b'y'; 8190]].concat();
    let (read, mut write) = attack(victim.server.address).await;
    write.write_all(&frame(HEADERS, END_STREAM, 1, GET)).await.unwrap();
    for last in [false, false, false, false, true] {
        let flags = if last { END_HEADERS } else { 0 };
        write.write_all(&frame(CONTINUATION, flags, 1, &field)).await.unwrap();
    }
    let said = listen(read).await;
    // 431 is h2's own answer, which it ends by a reset; nothing of it gets to the handler.
    assert!(said.ended || said.count(HEADERS) + said.count(RST_STREAM) > 0, "{:?}", said.frames);
    assert_eq!(victim.most.load(Ordering::SeqCst), 0);
    served(&victim).await;
}

#[tokio::test]
async fn more_streams_than_are_allowed_are_refused() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let victim = victim();
    let allowed = Limits::default().h2_streams;
    let (read, mut write) = attack(victim.server.address).await;
    // Before the settings are acknowledged a client may not know better; afterwards it does.
    write.write_all(&frame(SETTINGS, 1, 0, b"")).await.unwrap();
    for n in 0..allowed + 10 {
        write.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1 + 2 * n, GET)).await.unwrap();
    }
    let said = listen(read).await;
    let refused = said.frames.iter().filter(|frame| (frame.0, frame.2) == (RST_STREAM, REFUSED_STREAM)).count();
    assert_eq!(refused, 10, "{:?}", said.frames);
    assert_eq!(victim.inside.load(Ordering::SeqCst), allowed as usize);
    served(&victim).await;
    drop(write);
    until(|| victim.inside.load(Ordering::SeqCst) == 0).await;
}

/// Opens a stream, and takes it back once it is with the app.
async fn open_and_reset(victim: &Victim, write: &mut OwnedWriteHalf, stream: u32) -> std::io::Result<()> {
    write.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, stream, GET)).await?;
    until(|| victim.inside.load(Ordering::SeqCst) > 0).await;
    write.write_all(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])).await?;
    until(|| victim.inside.load(Ordering::SeqCst) == 0).await;
    Ok(())
}

#[tokio::test]
async fn resets_that_come_one_by_one_end_the_connection_after_a_while() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let victim = victim();
    let proxy = proxy(victim.server.address, Http1);
    let (read, mut write) = attack(proxy.address).await;
    for n in 0..499 {
        open_and_reset(&victim, &mut write, 1 + 2 * n).await.unwrap();
    }
    write.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 999, GET)).await.unwrap();
    assert!(listen(read).await.ended);
    assert_eq!(victim.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_on_which_many_clients_leave_goes_on() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let victim = victim();
    let (read, mut write) = attack(victim.server.address).await;
    // GET http://a/x, which is answered.
    let other = b"\x82\x86\x04\x02/x\x01\x01a";
    for n in 0..300 {
        open_and_reset(&victim, &mut write, 1 + 6 * n).await.unwrap();
        for stream in [3 + 6 * n, 5 + 6 * n] {
            write.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, stream, other)).await.unwrap();
        }
    }
    let said = listen(read).await;
    assert!(!said.ended, "{:?}", said.frames);
    assert_eq!(said.count(HEADERS), 600);
}

/// Reads until the head of the answer on this stream.
async fn answered(from: &mut OwnedReadHalf, stream: u32) {
    let mut head = [0; 9];
    loop {
        within(from.read_exact(&mut head)).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        within(from.read_exact(&mut payload)).await.unwrap();
        if (head[3], u32::from_be_bytes(head[5..9].try_into().unwrap())) == (HEADERS, stream) {
            return;
        }
    }
}

#[tokio::test]
async fn a_request_that_is_to_have_no_body_is_passed_on_when_it_has_none() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let victim = victim();
    let proxy = proxy(victim.server.address, Http1);
    let (mut read, mut write) = attack(proxy.address).await;
    // `content-length: 0`, and GET http://a/x, which is answered: by then the proxy has read what came before.
    let empty = [POST, b"\x5c\x010"].concat();
    let other = b"\x82\x86\x04\x02/x\x01\x01a";
    write.write_all(&frame(HEADERS, END_HEADERS, 1, &empty)).await.unwrap();
    write.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 3, other)).await.unwrap();
    answered(&mut read, 3).await;
    write.write_all(&frame(DATA, END_STREAM, 1, b"GET / HTTP/1.1\r\n")).await.unwrap();
    write.write_all(&frame(HEADERS, END_HEADERS, 5, &empty)).await.unwrap();
    write.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 7, other)).await.unwrap();
    answered(&mut read, 7).await;
    assert_eq!(victim.most.load(Ordering::SeqCst), 0);
    write.write_all(&frame(DATA, END_STREAM, 5, b"")).await.unwrap();
    until(|| victim.inside.load(Ordering::SeqCst) == 1).await;
    let said = listen(read).await;
    assert!(!said.ended && victim.most.load(Ordering::SeqCst) == 1, "{:?}", said.frames);
}
