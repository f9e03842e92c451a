//! Round trips, bounds and hostile bytes.

use std::net::SocketAddr;

use bytes::BytesMut;
use proptest::prelude::*;
use rollout::tally::{BUCKETS, Tally, Times};
use wire::{
    Bucket, COUNT_MAX, Challenge, Down, Endpoint, FRAME_BYTES_MAX, Frame, HELLO_BYTES_MAX, Hello, History, Identity,
    Load, Outcome, Up, VERSION, WireError,
};

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9-]{0,60}|\\PC{0,40}"
}

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(SocketAddr::from),
        (any::<[u8; 16]>(), any::<u16>()).prop_map(SocketAddr::from),
    ]
}

fn bucket() -> impl Strategy<Value = Bucket> {
    (any::<u64>(), 0.0f32..1e9, any::<u32>()).prop_map(|(second, concurrency, requests)| Bucket {
        second,
        concurrency,
        requests,
    })
}

fn load() -> impl Strategy<Value = Load> {
    (name(), any::<u32>(), prop::collection::vec(bucket(), 0..=History::SECONDS))
        .prop_map(|(revision_uid, now, buckets)| Load { revision_uid, now, buckets })
}

fn number() -> impl Strategy<Value = u64> {
    0..=COUNT_MAX
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let times = prop::collection::vec((0..BUCKETS, number()), 0..20).prop_map(|some| {
        let mut times = [0; BUCKETS];
        for (place, number) in some {
            times[place] = number;
        }
        Times::of(times)
    });
    (name(), any::<u64>(), number(), number(), number(), times).prop_map(
        |(revision_uid, count, requests, errors, cold_starts, times)| Outcome {
            revision_uid,
            count,
            tally: Tally { requests, errors, cold_starts, times },
        },
    )
}

fn hello() -> impl Strategy<Value = Hello> {
    let identity = prop_oneof![
        (name(), name(), address(), any::<[u8; 32]>()).prop_map(|(revision_uid, pod, address, proof)| {
            Identity::QueueProxy { revision_uid, pod, address, proof }
        }),
        (name(), "[A-Za-z0-9._-]{0,2000}").prop_map(|(pod, token)| Identity::Activator { pod, token }),
    ];
    (any::<u64>(), identity).prop_map(|(epoch, identity)| Hello { version: VERSION, epoch, identity })
}

fn up() -> impl Strategy<Value = Up> {
    prop_oneof![
        (any::<u64>(), prop::collection::vec(load(), 0..8)).prop_map(|(second, loads)| Up::Report { second, loads }),
        (name(), any::<u32>()).prop_map(|(revision_uid, held)| Up::Demand { revision_uid, held }),
        (any::<bool>(), prop::collection::vec(outcome(), 0..4))
            .prop_map(|(replay, outcomes)| Up::Outcomes { replay, outcomes }),
        Just(Up::Ready),
        Just(Up::Draining),
        Just(Up::Worn),
    ]
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    (name(), address()).prop_map(|(revision_uid, address)| Endpoint { revision_uid, address })
}

fn down() -> impl Strategy<Value = Down> {
    prop_oneof![
        prop::collection::vec(endpoint(), 0..20).prop_map(Down::Endpoints),
        (endpoint(), any::<u32>()).prop_map(|(endpoint, share)| Down::EndpointUp { endpoint, share }),
        endpoint().prop_map(Down::EndpointDown),
        (name(), any::<[u32; 3]>()).prop_map(|(revision_uid, [replicas, activators, places])| Down::Desired {
            revision_uid,
            replicas,
            activators,
            places
        }),
    ]
}

fn bytes_of(message: &impl Frame) -> BytesMut {
    let mut buffer = BytesMut::new();
    message.encode(&mut buffer).expect("within the bounds");
    buffer
}

/// Fed in pieces of `step` bytes, the messages come out whole, in order, and nothing stays behind.
fn travels<F: Frame + PartialEq + std::fmt::Debug>(messages: &[F], step: usize) {
    let mut sent = BytesMut::new();
    for message in messages {
        message.encode(&mut sent).expect("within the bounds");
    }
    let mut buffer = BytesMut::new();
    let mut received = Vec::new();
    for piece in sent.chunks(step) {
        buffer.extend_from_slice(piece);
        while let Some(message) = F::decode(&mut buffer).expect("own bytes decode") {
            received.push(message);
        }
    }
    assert_eq!(received, messages);
    assert!(buffer.is_empty());
}

proptest! {
    #[test]
    fn challenges_travel(nonce: [u8; 32], step in 1usize..80) {
        travels(&[Challenge { version: VERSION, nonce }], step);
    }

    #[test]
    fn hellos_travel(message in hello(), step in 1usize..80) {
        travels(&[message], step);
    }

    #[test]
    fn ups_travel(messages in prop::collection::vec(up(), 0..4), step in 1usize..3000) {
        travels(&messages, step);
    }

    #[test]
    fn downs_travel(messages in prop::collection::vec(down(), 0..4), step in 1usize..300) {
        travels(&messages, step);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Challenge::decode(&mut BytesMut::from(&bytes[..]));
        let _ = Hello::decode(&mut BytesMut::from(&bytes[..]));
        let _ = Up::decode(&mut BytesMut::from(&bytes[..]));
        let _ = Down::decode(&mut BytesMut::from(&bytes[..]));
    }

    /// Random bytes seldom pass the head; give them a fitting one.
    #[test]
    fn random_payloads_never_panic(kind in 0u8..40, payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = (payload.len() as u32 + 1).to_be_bytes().to_vec();
        bytes.push(kind);
        bytes.extend_from_slice(&payload);
        let _ = Challenge::decode(&mut BytesMut::from(&bytes[..]));
        let _ = Hello::decode(&mut BytesMut::from(&bytes[..]));
        let _ = Up::decode(&mut BytesMut::from(&bytes[..]));
        let _ = Down::decode(&mut BytesMut::from(&bytes[..]));
    }

    /// Whatever decodes encodes to the same bytes: there is one form for each message.
    #[test]
    fn a_flipped_byte_is_another_message_or_none(message in up(), at: prop::sample::Index, flip in 1u8..) {
        let sent = bytes_of(&message);
        let mut bytes = sent.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let mutated = bytes.clone();
        if let Ok(Some(other)) = Up::decode(&mut bytes) {
            prop_assert_eq!(&bytes_of(&other)[..], &mutated[..mutated.len() - bytes.len()]);
        }
    }

    #[test]
    fn a_shortened_payload_is_truncated(message in up(), cut in 1usize..20) {
        let mut bytes = bytes_of(&message);
        let length = bytes.len().saturating_sub(cut).max(5);
        if length < bytes.len() {
            bytes.truncate(length);
            bytes[..4].copy_from_slice(&(length as u32 - 4).to_be_bytes());
            let decoded = Up::decode(&mut bytes);
            prop_assert!(matches!(decoded, Err(WireError::Truncated { .. })), "{:?}", decoded);
        }
    }

    #[test]
    fn every_split_report_fits(count in 0usize..1200, buckets in 0usize..=History::SECONDS) {
        let loads: Vec<Load> = (0..count).map(|index| Load {
            revision_uid: format!("{index:036}"),
            now: 1,
            buckets: vec![Bucket { second: 7, concurrency: 1.0, requests: 1 }; buckets],
        }).collect();
        let mut seen = Vec::new();
        for report in Up::reports(9, loads.clone()) {
            bytes_of(&report);
            let Up::Report { second: 9, loads } = report else { panic!("not a report of second 9") };
            seen.extend(loads);
        }
        prop_assert_eq!(seen, loads);
    }
}

/// A revision with a long UID and requests of every duration.
fn widest(count: u64) -> Outcome {
    let times = Times::of([COUNT_MAX; BUCKETS]);
    Outcome { revision_uid: "u".repeat(253), count, tally: Tally { times, ..Tally::default() } }
}

#[test]
fn many_outcomes_are_several_messages_that_fit() {
    let all: Vec<Outcome> = (0..1000).map(widest).collect();
    let messages = Up::outcomes(true, all.clone());
    assert!(messages.len() > 1);
    let mut seen = Vec::new();
    for message in messages {
        bytes_of(&message);
        let Up::Outcomes { replay: true, outcomes } = message else { panic!("not a replay of outcomes") };
        seen.extend(outcomes);
    }
    assert_eq!(seen, all);
    assert_eq!(Up::outcomes(true, Vec::new()), []);
}

#[test]
fn a_tally_has_one_form_and_its_numbers_a_bound() {
    let mut tally = Tally { requests: COUNT_MAX + 1, ..Tally::default() };
    let message = |tally: &Tally| Up::Outcomes {
        replay: false,
        outcomes: vec![Outcome { revision_uid: "u".into(), count: 1, tally: tally.clone() }],
    };
    let refused = |field| Err(WireError::Range { field });
    assert_eq!(message(&tally).encode(&mut BytesMut::new()), Err(WireError::Range { field: "requests" }));
    tally.requests = 2;
    let mut times = [0; BUCKETS];
    (times[3], times[5]) = (1, 1);
    tally.times = Times::of(times);
    let whole = bytes_of(&message(&tally));
    // The two pairs of place and number are the end of it.
    let (first, second) = (whole.len() - 18, whole.len() - 9);
    for (at, byte, field) in [
        (second, 3, "times.place"),
        (second, BUCKETS as u8, "times.place"),
        (first + 8, 0, "times.number"),
        (first + 1, 2, "times.number"),
        (5, 2, "replay"),
    ] {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        assert_eq!(Up::decode(&mut bytes), refused(field), "byte {at}");
    }
}

#[test]
fn nothing_to_report_is_one_empty_report() {
    assert_eq!(Up::reports(3, Vec::new()), [Up::Report { second: 3, loads: Vec::new() }]);
}

#[test]
fn many_endpoints_are_one_list_and_single_ones() {
    let all: Vec<Endpoint> = (0..3000u16)
        .map(|port| Endpoint { revision_uid: "u".repeat(253), address: ([10, 0, 0, 1], port).into() })
        .collect();
    let messages = Down::endpoints(all.clone());
    for message in &messages {
        bytes_of(message);
    }
    let Down::Endpoints(first) = &messages[0] else { panic!("the list comes first") };
    assert_eq!(first.len() + messages.len() - 1, all.len());
    assert_eq!(Down::endpoints(Vec::new()), [Down::Endpoints(Vec::new())]);
}

#[test]
fn numbers_that_are_none_are_refused_on_both_sides() {
    let report = |concurrency| Up::Report {
        second: 1,
        loads: vec![Load {
            revision_uid: "u".into(),
            now: 0,
            buckets: vec![Bucket { second: 1, concurrency, requests: 0 }],
        }],
    };
    let refused = WireError::Range { field: "concurrency" };
    let mut buffer = BytesMut::from(&b"before"[..]);
    for value in [f32::NAN, f32::INFINITY, -1.0] {
        assert_eq!(report(value).encode(&mut buffer), Err(refused.clone()));
        assert_eq!(&buffer[..], b"before", "an error leaves the buffer as it was");
        let mut bytes = bytes_of(&report(1.0));
        let at = bytes.len() - 8;
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        assert_eq!(Up::decode(&mut bytes), Err(refused.clone()));
    }
}

#[test]
fn bounds_hold_on_both_sides() {
    let demand = Up::Demand { revision_uid: "u".repeat(254), held: 1 };
    let refused = WireError::TooLong { field: "revision_uid", length: 254, max: 253 };
    assert_eq!(demand.encode(&mut BytesMut::new()), Err(refused.clone()));
    let mut bytes = BytesMut::from(&[0, 0, 1, 5, 17, 0, 254][..]);
    bytes.resize(4 + 0x105, b'u');
    assert_eq!(Up::decode(&mut bytes), Err(refused));

    let hello = Hello {
        version: VERSION,
        epoch: 0,
        identity: Identity::Activator { pod: "p".into(), token: "t".repeat(4097) },
    };
    assert_eq!(hello.encode(&mut BytesMut::new()), Err(WireError::TooLong { field: "token", length: 4097, max: 4096 }));
}

#[test]
fn a_bad_head_is_refused_before_the_rest_arrives() {
    let long = (FRAME_BYTES_MAX as u32 + 1).to_be_bytes();
    assert_eq!(
        Up::decode(&mut BytesMut::from(&long[..])),
        Err(WireError::FrameLength { length: FRAME_BYTES_MAX + 1, max: FRAME_BYTES_MAX })
    );
    let hello = (HELLO_BYTES_MAX as u32 + 1).to_be_bytes();
    assert!(matches!(Hello::decode(&mut BytesMut::from(&hello[..])), Err(WireError::FrameLength { .. })));
    assert!(matches!(Up::decode(&mut BytesMut::from(&[0; 4][..])), Err(WireError::FrameLength { length: 0, .. })));
    assert_eq!(Up::decode(&mut BytesMut::from(&[0, 0, 1, 0, 99][..])), Err(WireError::Kind { kind: 99 }));
    assert_eq!(Hello::decode(&mut bytes_of(&Up::Ready)), Err(WireError::Kind { kind: 18 }));
}

#[test]
fn leftovers_bad_text_and_another_version_are_refused() {
    assert_eq!(Up::decode(&mut BytesMut::from(&[0, 0, 0, 2, 18, 0][..])), Err(WireError::Trailing { count: 1 }));
    assert_eq!(
        Up::decode(&mut BytesMut::from(&[0, 0, 0, 8, 17, 0, 1, 0xff, 0, 0, 0, 1][..])),
        Err(WireError::Text { field: "revision_uid" })
    );
    let mut bytes = bytes_of(&Challenge { version: VERSION + 1, nonce: [0; 32] });
    assert_eq!(Challenge::decode(&mut bytes), Err(WireError::Version { found: VERSION + 1 }));
    let mut bytes = BytesMut::from(&[0, 0, 0, 5, 33, 0, 1, b'u', 5][..]);
    assert_eq!(Down::decode(&mut bytes), Err(WireError::Range { field: "address" }));
}

#[test]
fn a_transcript_depends_on_every_part() {
    let address: SocketAddr = "10.0.0.1:8012".parse().expect("an address");
    let base = Identity::transcript(&[1; 32], "uid", "pod", address);
    let others = [
        Identity::transcript(&[2; 32], "uid", "pod", address),
        Identity::transcript(&[1; 32], "uidp", "od", address),
        Identity::transcript(&[1; 32], "uid", "pod2", address),
        Identity::transcript(&[1; 32], "uid", "pod", "10.0.0.1:8013".parse().expect("an address")),
        Identity::transcript(&[1; 32], "uid", "pod", "[::ffff:10.0.0.1]:8012".parse().expect("an address")),
    ];
    assert!(others.iter().all(|other| *other != base));
}
