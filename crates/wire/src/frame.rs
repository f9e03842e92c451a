//! Frames: `u32` length (big endian, kind included), `u8` kind, payload.
//!
//! Owns the layout of every message and every bound. Decoding is strict: whatever is not exactly one message of
//! the expected family is an error that names the field. Integers are big endian; a text is `u16` length and UTF-8;
//! an address is `u8` family (4 or 6), the IP and `u16` port (an IPv6 flow label and zone are not carried).

mod hello;
mod outcome;
mod read;
mod traffic;
mod write;

use bytes::{Buf, BytesMut};

use crate::WireError;
use read::Reader;
pub(crate) use write::put_address;

/// Longest frame, length field not counted.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;
/// Longest [`Challenge`] or [`Hello`]: what a peer that has not proved itself can make the other side keep.
pub const HELLO_BYTES_MAX: usize = 8 * 1024;
/// Longest name or UID.
pub const NAME_BYTES_MAX: usize = 253;
/// Highest count of requests: sums of many of them fit into 64 bits, whatever a sender says.
pub const COUNT_MAX: u64 = 1 << 48;
/// Longest service-account token.
pub const TOKEN_BYTES_MAX: usize = 4096;

const LENGTH_BYTES: usize = 4;

/// A message that travels as one frame. Implemented by [`Challenge`], [`Hello`], [`Up`] and [`Down`].
pub trait Frame: Sized {
    /// Longest frame of this family.
    const BYTES_MAX: usize;

    /// Whether the family has this kind: told before the rest of the frame is waited for.
    #[doc(hidden)]
    fn knows(kind: u8) -> bool;
    #[doc(hidden)]
    fn kind(&self) -> u8;
    #[doc(hidden)]
    fn put(&self, payload: &mut BytesMut) -> Result<(), WireError>;
    #[doc(hidden)]
    fn take(kind: u8, payload: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Appends the message as one frame; on an error `buffer` is as it was.
    ///
    /// # Errors
    /// When a text, a list or the frame is over its bound, or a number is out of range.
    fn encode(&self, buffer: &mut BytesMut) -> Result<(), WireError> {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; LENGTH_BYTES]);
        buffer.extend_from_slice(&[self.kind()]);
        let written = self.put(buffer).and_then(|()| {
            let length = buffer.len() - start - LENGTH_BYTES;
            if length > Self::BYTES_MAX {
                return Err(WireError::FrameLength { length, max: Self::BYTES_MAX });
            }
            Ok(length)
        });
        match written {
            Ok(length) => {
                buffer[start..start + LENGTH_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
                Ok(())
            }
            Err(error) => {
                buffer.truncate(start);
                Err(error)
            }
        }
    }

    /// Takes the next message off the front of `buffer`; `None` when it is not whole yet. Call until `None`.
    ///
    /// # Errors
    /// When the bytes are not a message of this family. A wrong length or kind is told at once, without waiting
    /// for the rest of the frame.
    fn decode(buffer: &mut BytesMut) -> Result<Option<Self>, WireError> {
        let Some(head) = buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length == 0 || length > Self::BYTES_MAX {
            return Err(WireError::FrameLength { length, max: Self::BYTES_MAX });
        }
        let Some(&kind) = buffer.get(LENGTH_BYTES) else {
            return Ok(None);
        };
        if !Self::knows(kind) {
            return Err(WireError::Kind { kind });
        }
        if buffer.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        let mut payload = Reader::new(&buffer[LENGTH_BYTES + 1..LENGTH_BYTES + length]);
        let message = Self::take(kind, &mut payload)?;
        payload.end()?;
        buffer.advance(LENGTH_BYTES + length);
        Ok(Some(message))
    }
}
