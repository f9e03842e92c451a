//! What a client may send to the activator over HTTP/2: a byte of settings, one for the pieces in which it arrives, and then
//! what follows the preface: frames whose head is type, flags, stream and length, a byte each, so that a change of one leaves
//! the others what they are; or with 64 in the settings the bytes as they are.
//!
//! What of it reaches an app in HTTP/1 is held to [`fuzz::request`].

#![no_main]

mod frame;

use std::time::Duration;

use fuzz::{
    chain::{Passed, Role, entry, linger},
    request::{Read, requests},
};
use libfuzzer_sys::fuzz_target;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use self::frame::{PREFACE, answers, asked, framed, frames, is_known, opened, refuses};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Long enough for whatever needs no more of the client, and for no ping.
const LINGER: Duration = Duration::from_secs(5);
const RAW: u8 = 64;
/// Bytes that a connection with so little in it may have in memory, and each request with its way to the app.
const HELD: usize = 256 << 10;
const HELD_EACH: usize = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let Some(([settings, step], input)) = data.split_first_chunk() else { return };
    let sent = if settings & RAW == 0 { framed(input) } else { input.to_vec() };
    let region = Region::new(ALLOCATOR);
    let mut held = 0;
    let look = || {
        let change = region.change();
        held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    };
    let role = Role::Entry(entry(settings & !RAW));
    let passed = linger(&role, &[PREFACE, &sent].concat(), usize::from(*step).max(1), LINGER, look);
    check(&sent, &passed);
    let streams = opened(&frames(&sent)).len();
    assert!(held <= HELD + streams * HELD_EACH, "{held} bytes are held of {streams} streams in {} bytes", sent.len());
});

fn check(sent: &[u8], passed: &Passed) {
    let (sent, told) = (frames(sent), frames(&passed.answers));
    assert!(told.iter().all(is_known), "we say what is no HTTP/2: {told:?}");
    let mut reached = Vec::new();
    for connection in &passed.connections {
        let Read { whole, fault, .. } = requests(connection);
        assert!(fault.is_none(), "we say what is no HTTP/1: {fault:?} in {:?}", String::from_utf8_lossy(connection));
        reached.extend(whole);
    }
    let (opened, asked) = (opened(&sent), asked(&sent));
    assert!(reached.len() <= opened.len(), "{reached:?} of {opened:?}");
    let came: usize = sent.iter().map(|frame| frame.content).sum();
    let went: usize = reached.iter().map(|request| request.body.len()).sum();
    assert!(went <= came, "{went} bytes of content of {came}: {reached:?}");
    if reached.len() == opened.len() && asked == opened && !refuses(&told) {
        assert_eq!(went, came, "bytes of content: {reached:?}");
    }
    for stream in asked {
        assert!(passed.ended || answers(&told, stream), "nobody answers on stream {stream}: {told:?}");
    }
}
