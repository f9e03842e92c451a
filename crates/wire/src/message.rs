//! The vocabulary. Encoding is in `frame.rs`.

use std::net::SocketAddr;

use rollout::Tally;

use crate::Bucket;
use crate::frame::put_address;

/// Version of this vocabulary; the hub refuses a dialler of another one by closing the stream.
pub const VERSION: u8 = 1;

/// First frame of a stream, hub to dialler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// [`VERSION`] of the hub.
    pub version: u8,
    /// Fresh random bytes; the dialler's proof covers them, so a recorded proof is of no use.
    pub nonce: [u8; 32],
}

/// Second frame of a stream, dialler to hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// [`VERSION`] of the dialler.
    pub version: u8,
    /// Drawn once when the process starts: tells a restart from a reconnection.
    pub epoch: u64,
    /// Who dials, with the proof.
    pub identity: Identity,
}

/// Who dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A queue-proxy: it may speak for one pod of one revision.
    QueueProxy {
        /// UID of the Revision object.
        revision_uid: String,
        /// Name of the pod (its hostname).
        pod: String,
        /// The address on which it serves; must be the peer's own or be confirmed by an `EndpointSlice`.
        address: SocketAddr,
        /// HMAC-SHA256 with the revision's key over [`Identity::transcript`].
        proof: [u8; 32],
    },
    /// An activator: it may report demand for every revision.
    Activator {
        /// Name of the pod.
        pod: String,
        /// Service-account token with audience `todoapp-hub`, checked by `TokenReview`.
        token: String,
    },
}

impl Identity {
    /// The bytes that a queue-proxy's proof covers: a label, [`VERSION`], the hub's nonce, and who speaks for what.
    /// Texts carry their length, so no two identities share a transcript.
    pub fn transcript(nonce: &[u8; 32], revision_uid: &str, pod: &str, address: SocketAddr) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(b"todoapp-hub queue-proxy\0");
        bytes.push(VERSION);
        bytes.extend_from_slice(nonce);
        for text in [revision_uid, pod] {
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        put_address(&mut bytes, address);
        bytes
    }
}

/// How an app speaks HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http1,
    /// HTTP/2 over cleartext by prior knowledge (RFC 9113, section 3.3).
    H2c,
}

/// Load of one revision as one sender saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// UID of the Revision object.
    pub revision_uid: String,
    /// Requests held (activator) or in flight (queue-proxy) at the moment of sending.
    pub now: u32,
    /// Finished seconds, oldest first; on a new stream the last 60, otherwise those since the last report.
    pub buckets: Vec<Bucket>,
}

/// What one revision did for users at one activator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// UID of the Revision object.
    pub revision_uid: String,
    /// Which count of this process it is: one that began anew is another one, so that its figures never fall.
    pub count: u64,
    /// Everything since the count began.
    pub tally: Tally,
}

/// Dialler to hub.
#[derive(Debug, Clone, PartialEq)]
pub enum Up {
    /// What this sender measured. An activator counts only what it *holds*: what it forwarded is counted by
    /// the queue-proxy, so nothing is counted twice.
    Report {
        /// Second of the sender's own count in which the report leaves; `Bucket::second` uses the same count.
        second: u64,
        /// One entry a revision.
        loads: Vec<Load>,
    },
    /// Activator only: these many requests of a revision without capacity are held right now; to be acted on at once.
    Demand {
        /// UID of the Revision object.
        revision_uid: String,
        /// Requests held here.
        held: u32,
    },
    /// Activator only: what revisions did of which a release is under way. Sent only then, so a hub that is too old to
    /// know of releases never meets it, and [`VERSION`] stays.
    Outcomes {
        /// First on a new stream: a hub that does not know a count yet takes it for counted by its forerunner.
        replay: bool,
        /// One entry a revision.
        outcomes: Vec<Outcome>,
    },
    /// Queue-proxy only: the app answers.
    Ready,
    /// Queue-proxy only: choose me no more; what is running will be finished.
    Draining,
    /// Queue-proxy only: this pod has served its time, another one is to take its place. Sent only by revisions that are
    /// recycled, so a hub that is too old to know it never meets it, and [`VERSION`] stays.
    Worn,
}

/// A pod that takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// UID of the Revision object.
    pub revision_uid: String,
    /// Where its queue-proxy listens.
    pub address: SocketAddr,
}

/// Hub to activator. (The hub says nothing to a queue-proxy.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    /// Everything the hub knows to be ready; replaces what earlier messages of this kind said. First on a new stream.
    Endpoints(Vec<Endpoint>),
    /// A pod announced itself.
    EndpointUp {
        /// The pod.
        endpoint: Endpoint,
        /// Most requests that the receiver may have there while more pods are on their way: its part of what the pod
        /// should carry, in proportion to what it holds. The parts of all activators add up to that; 0 = none given.
        share: u32,
    },
    /// A pod drains or its stream broke.
    EndpointDown(Endpoint),
    /// How many pods the autoscaler wants of a revision: tells an activator whether more are on their way.
    Desired {
        /// UID of the Revision object.
        revision_uid: String,
        /// Pods wanted.
        replicas: u32,
        /// Activators that the leader hears: a pod of which no share was given is divided equally among them.
        activators: u32,
        /// Requests that one pod should carry at a time; 0 = there is no such number.
        places: u32,
    },
}
