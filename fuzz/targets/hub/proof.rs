//! A queue-proxy's proof, and what a thief may do with it.

use std::net::SocketAddr;

use arbitrary::{Arbitrary, Unstructured};
use bytes::BytesMut;
use operator::fuzzing::believes;
use runtime::proof::{prove, revision_key};
use wire::{Frame as _, Hello, Identity, VERSION};

const OWN: &str = "7a1c0f4e-own";
const OTHER: &str = "7a1c0f4e-other";

#[derive(Debug, Arbitrary)]
struct Plan<'a> {
    master: [u8; 32],
    nonce: [u8; 32],
    another_nonce: [u8; 32],
    epoch: u64,
    address: ([u8; 4], u16),
    pod: &'a str,
    /// Places in the frame, and what is changed there.
    edits: Vec<(u16, u8)>,
    /// Bytes that are missing at its end.
    missing: u16,
}

pub fn check(bytes: &[u8]) {
    let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let pod = plan.pod.get(..60).unwrap_or(plan.pod);
    let hello = |uid: &str, key_of: &str, nonce: &[u8; 32]| {
        let address = SocketAddr::from(plan.address);
        let transcript = Identity::transcript(nonce, uid, pod, address);
        let proof = prove(&revision_key(&plan.master, key_of), &transcript);
        let (revision_uid, pod) = (uid.to_owned(), pod.to_owned());
        let identity = Identity::QueueProxy { revision_uid, pod, address, proof };
        Hello { version: VERSION, epoch: plan.epoch, identity }
    };
    let believed = |hello: &Hello| believes(hello, &plan.nonce, plan.master, OWN);

    let honest = hello(OWN, OWN, &plan.nonce);
    assert!(believed(&honest), "an honest proof");
    assert!(!believed(&hello(OWN, OTHER, &plan.nonce)), "with another revision's key");
    assert!(!believed(&hello(OTHER, OTHER, &plan.nonce)), "of a revision that is not there");
    let replayed = hello(OWN, OWN, &plan.another_nonce);
    assert!(plan.nonce == plan.another_nonce || !believed(&replayed), "replayed on another stream");

    let mut frame = BytesMut::new();
    honest.encode(&mut frame).expect("within the bounds");
    for (at, change) in &plan.edits {
        let at = usize::from(*at) % frame.len();
        frame[at] ^= change;
    }
    frame.truncate(frame.len() - usize::from(plan.missing) % frame.len());
    if let Ok(Some(edited)) = Hello::decode(&mut frame) {
        assert!(edited.identity == honest.identity || !believed(&edited), "changed on its way: {edited:?}");
    }
}
