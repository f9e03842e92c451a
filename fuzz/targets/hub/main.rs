//! What a peer on the hub may send: a byte that chooses what is expected of it, one for the pieces in which it arrives,
//! and then the bytes of a stream, or what to make of a proof.

#![no_main]

mod proof;

use std::{fmt::Debug, ops::RangeInclusive};

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use wire::{Challenge, Down, Frame, Hello, Up, VERSION, WireError};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Bytes in memory for a byte that was sent, at most: an outcome without times has a whole histogram, and a list that grows
/// is there twice.
const MEMORY_FACTOR: usize = 64;

fuzz_target!(|data: &[u8]| {
    let Some(([expected, step], bytes)) = data.split_first_chunk() else { return };
    let step = usize::from(*step).max(1);
    match expected {
        b'c' => stream::<Challenge>(bytes, step, 1..=1, |challenge| challenge.version == VERSION),
        b'h' => stream::<Hello>(bytes, step, 2..=3, |hello| hello.version == VERSION),
        b'u' => stream::<Up>(bytes, step, 16..=21, |_| true),
        b'd' => stream::<Down>(bytes, step, 32..=35, |_| true),
        b'p' => proof::check(bytes),
        _ => {}
    }
});

/// What was read of a stream.
#[derive(Debug, PartialEq)]
struct Read<F> {
    messages: Vec<F>,
    error: Option<WireError>,
    /// Bytes behind the last message.
    left: usize,
}

/// `kinds` are those of the family; `ours` says whether a message is of our version.
fn stream<F>(bytes: &[u8], step: usize, kinds: RangeInclusive<u8>, ours: impl Fn(&F) -> bool)
where
    F: Frame + PartialEq + Debug,
{
    let region = Region::new(ALLOCATOR);
    let whole = read::<F>(bytes, bytes.len().max(1));
    let used = region.change().bytes_allocated;
    assert!(used <= MEMORY_FACTOR * (bytes.len() + 64), "{used} bytes of memory for {} on the wire", bytes.len());
    assert_eq!(read::<F>(bytes, step), whole, "read in pieces of {step}");

    let mut again = BytesMut::new();
    for message in &whole.messages {
        message.encode(&mut again).expect("what was read can be said");
    }
    // Byte for byte: of each message there is one form.
    let (read, left) = bytes.split_at(bytes.len() - whole.left);
    assert_eq!(again, read);
    assert!(whole.messages.iter().all(ours), "of another version: {:?}", whole.messages);
    if whole.error.is_none() {
        awaited::<F>(left, kinds);
    }
}

/// The rest of a frame is waited for only if it can become one.
fn awaited<F: Frame>(left: &[u8], kinds: RangeInclusive<u8>) {
    let Some((length, rest)) = left.split_first_chunk() else { return };
    let length = u32::from_be_bytes(*length) as usize;
    assert!((1..=F::BYTES_MAX).contains(&length), "a frame of {length} bytes is waited for");
    assert!(rest.first().is_none_or(|kind| kinds.contains(kind)), "a frame of kind {rest:?} is waited for");
}

fn read<F: Frame>(bytes: &[u8], step: usize) -> Read<F> {
    let mut buffer = BytesMut::new();
    let mut messages = Vec::new();
    let mut error = None;
    let mut left = bytes.len();
    for piece in bytes.chunks(step) {
        buffer.extend_from_slice(piece);
        loop {
            let before = buffer.len();
            match F::decode(&mut buffer) {
                Ok(Some(message)) => {
                    messages.push(message);
                    left -= before - buffer.len();
                }
                Ok(None) => break,
                Err(cause) => {
                    error = Some(cause);
                    break;
                }
            }
        }
        if error.is_some() {
            break;
        }
        assert!(buffer.len() < F::BYTES_MAX + 4, "{} bytes are kept of a frame", buffer.len());
    }
    Read { messages, error, left }
}
