//! The two frames that open a stream.

use bytes::BytesMut;

use super::read::Reader;
use super::write::{put_address, put_text};
use super::{Frame, HELLO_BYTES_MAX, NAME_BYTES_MAX, TOKEN_BYTES_MAX};
use crate::WireError;
use crate::message::{Challenge, Hello, Identity, VERSION};

const CHALLENGE: u8 = 1;
const HELLO_QUEUE_PROXY: u8 = 2;
const HELLO_ACTIVATOR: u8 = 3;

impl Frame for Challenge {
    const BYTES_MAX: usize = HELLO_BYTES_MAX;

    fn knows(kind: u8) -> bool {
        kind == CHALLENGE
    }

    fn kind(&self) -> u8 {
        CHALLENGE
    }

    fn put(&self, payload: &mut BytesMut) -> Result<(), WireError> {
        payload.extend_from_slice(&[self.version]);
        payload.extend_from_slice(&self.nonce);
        Ok(())
    }

    fn take(_kind: u8, payload: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { version: take_version(payload)?, nonce: payload.array("nonce")? })
    }
}

impl Frame for Hello {
    const BYTES_MAX: usize = HELLO_BYTES_MAX;

    fn knows(kind: u8) -> bool {
        matches!(kind, HELLO_QUEUE_PROXY | HELLO_ACTIVATOR)
    }

    fn kind(&self) -> u8 {
        match self.identity {
            Identity::QueueProxy { .. } => HELLO_QUEUE_PROXY,
            Identity::Activator { .. } => HELLO_ACTIVATOR,
        }
    }

    fn put(&self, payload: &mut BytesMut) -> Result<(), WireError> {
        payload.extend_from_slice(&[self.version]);
        payload.extend_from_slice(&self.epoch.to_be_bytes());
        match &self.identity {
            Identity::QueueProxy { revision_uid, pod, address, proof } => {
                put_text(payload, "revision_uid", revision_uid, NAME_BYTES_MAX)?;
                put_text(payload, "pod", pod, NAME_BYTES_MAX)?;
                put_address(payload, *address);
                payload.extend_from_slice(proof);
            }
            Identity::Activator { pod, token } => {
                put_text(payload, "pod", pod, NAME_BYTES_MAX)?;
                put_text(payload, "token", token, TOKEN_BYTES_MAX)?;
            }
        }
        Ok(())
    }

    fn take(kind: u8, payload: &mut Reader<'_>) -> Result<Self, WireError> {
        let version = take_version(payload)?;
        let epoch = payload.u64("epoch")?;
        let identity = if kind == HELLO_QUEUE_PROXY {
            Identity::QueueProxy {
                revision_uid: payload.text("revision_uid", NAME_BYTES_MAX)?,
                pod: payload.text("pod", NAME_BYTES_MAX)?,
                address: payload.address("address")?,
                proof: payload.array("proof")?,
            }
        } else {
            Identity::Activator {
                pod: payload.text("pod", NAME_BYTES_MAX)?,
                token: payload.text("token", TOKEN_BYTES_MAX)?,
            }
        };
        Ok(Self { version, epoch, identity })
    }
}

/// Another version may lay out everything after this byte differently, so it is judged first.
fn take_version(payload: &mut Reader<'_>) -> Result<u8, WireError> {
    match payload.u8("version")? {
        VERSION => Ok(VERSION),
        found => Err(WireError::Version { found }),
    }
}
