//! Who dials: the proof of a [`Hello`].

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;
use wire::{Hello, Identity, WireError};

use super::Verifier;

/// Longest wait for the check of a token.
const TOKEN_WAIT: Duration = Duration::from_secs(5);

/// Why a stream is closed before it has a seat.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// No whole Hello in time.
    #[error("no Hello in time")]
    Slow,
    /// The stream ended or broke.
    #[error("the stream ended")]
    Gone,
    /// What came is no Hello.
    #[error("no Hello: {0}")]
    Malformed(#[from] WireError),
    /// There is no such revision.
    #[error("no revision with UID {0}")]
    UnknownRevision(String),
    /// The proof is not made with the revision's key.
    #[error("the proof of a queue-proxy does not hold")]
    BadProof,
    /// The token is not an activator's.
    #[error("the token is not an activator's")]
    BadToken,
    /// Nobody could say whose the token is.
    #[error("the token could not be checked: {0}")]
    Unchecked(anyhow::Error),
}

impl Rejection {
    /// Label of the metric.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Gone => "gone",
            Self::Malformed(WireError::Version { .. }) => "version",
            Self::Malformed(_) => "malformed",
            Self::UnknownRevision(_) => "unknown-revision",
            Self::BadProof => "bad-proof",
            Self::BadToken => "bad-token",
            Self::Unchecked(_) => "unchecked",
        }
    }
}

/// Checks the proof. Afterwards the sender may speak for the pod, or for the activator, that it names; a queue-proxy's
/// address is another question ([`is_own`]).
pub async fn verify(hello: &Hello, nonce: &[u8; 32], verifier: &dyn Verifier) -> Result<(), Rejection> {
    match &hello.identity {
        Identity::QueueProxy { revision_uid, pod, address, proof } => {
            let Some(key) = verifier.revision_key(revision_uid) else {
                return Err(Rejection::UnknownRevision(revision_uid.clone()));
            };
            let transcript = Identity::transcript(nonce, revision_uid, pod, *address);
            if runtime::proof::verify(&key, &transcript, proof) { Ok(()) } else { Err(Rejection::BadProof) }
        }
        Identity::Activator { token, .. } => match timeout(TOKEN_WAIT, verifier.activator(token)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Rejection::BadToken),
            Ok(Err(error)) => Err(Rejection::Unchecked(error)),
            Err(_) => Err(Rejection::Unchecked(anyhow::anyhow!("no answer within {TOKEN_WAIT:?}"))),
        },
    }
}

/// Whether a pod that dials `from` there may say that it serves at `address`.
pub fn is_own(address: SocketAddr, from: SocketAddr, uid: &str, verifier: &dyn Verifier) -> bool {
    address.ip().to_canonical() == from.ip().to_canonical() || verifier.confirms(uid, address)
}
