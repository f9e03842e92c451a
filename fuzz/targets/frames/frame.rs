//! HTTP/2's frames (RFC 9113, 4.1), without a look into them.

use std::collections::BTreeSet;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Nobody asks for more.
const PAYLOAD_MAX: usize = 16 << 10;
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// The head of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    /// Bytes of content.
    pub content: usize,
}

/// The frames of a stream; what of the last one is missing does not matter.
pub fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let [long, length @ .., kind, flags, one, two, three, four] = *head;
        let length = usize::from(long) << 16 | usize::from(u16::from_be_bytes(length));
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        let padding = payload.first().filter(|_| flags & PADDED != 0).map_or(0, |padding| 1 + usize::from(*padding));
        let content = if kind == DATA { length.saturating_sub(padding) } else { 0 };
        frames.push(Frame { length, kind, flags, stream: u32::from_be_bytes([one & 0x7f, two, three, four]), content });
        bytes = rest;
    }
    frames
}

/// Whether it is one that a client expects.
pub fn is_known(frame: &Frame) -> bool {
    frame.length <= PAYLOAD_MAX && frame.kind <= CONTINUATION
}

/// Frames of an input: type, flags, stream, length, each in a byte, and the payload.
pub fn framed(mut input: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    while let Some((&[kind, flags, stream, length], rest)) = input.split_first_chunk() {
        let (payload, rest) = rest.split_at(rest.len().min(length.into()));
        sent.extend([0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream]);
        sent.extend(payload);
        input = rest;
    }
    sent
}

/// Streams that may carry a request.
pub fn opened(sent: &[Frame]) -> BTreeSet<u32> {
    sent.iter().filter(|frame| frame.kind == HEADERS && frame.stream % 2 == 1).map(|frame| frame.stream).collect()
}

/// Whose requests are whole and were not taken back.
pub fn asked(sent: &[Frame]) -> BTreeSet<u32> {
    let of = |kinds: &'static [u8]| sent.iter().filter(move |frame| kinds.contains(&frame.kind));
    let ended = of(&[DATA, HEADERS]).filter(|frame| frame.flags & END_STREAM != 0).map(|frame| frame.stream).collect();
    let reset: BTreeSet<u32> = of(&[RST_STREAM]).map(|frame| frame.stream).collect();
    let mut whole: BTreeSet<u32> = &opened(sent) & &ended;
    whole.retain(|stream| {
        let block = of(&[HEADERS, CONTINUATION]).rfind(|frame| frame.stream == *stream);
        !reset.contains(stream) && block.is_some_and(|frame| frame.flags & END_HEADERS != 0)
    });
    whole
}

/// Whether any stream was refused.
pub fn refuses(told: &[Frame]) -> bool {
    told.iter().any(|frame| matches!(frame.kind, RST_STREAM | GOAWAY))
}

/// Whether a stream has the head of an answer, or was refused, or all of them were.
pub fn answers(told: &[Frame], stream: u32) -> bool {
    told.iter().any(|frame| match frame.kind {
        HEADERS | RST_STREAM => frame.stream == stream,
        kind => kind == GOAWAY,
    })
}
