//! Values to bytes, bounds checked.

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;

use crate::WireError;

/// `u16` length and the text.
pub(super) fn put_text(payload: &mut BytesMut, field: &'static str, text: &str, max: usize) -> Result<(), WireError> {
    put_count(payload, field, text.len(), max)?;
    payload.extend_from_slice(text.as_bytes());
    Ok(())
}

/// `u16` number of what follows; `max` is at most `u16::MAX`.
pub(super) fn put_count(
    payload: &mut BytesMut,
    field: &'static str,
    length: usize,
    max: usize,
) -> Result<(), WireError> {
    match u16::try_from(length) {
        Ok(count) if length <= max => {
            payload.extend_from_slice(&count.to_be_bytes());
            Ok(())
        }
        _ => Err(WireError::TooLong { field, length, max }),
    }
}

/// A finite number that is not negative.
pub(super) fn put_float(payload: &mut BytesMut, field: &'static str, value: f32) -> Result<(), WireError> {
    if !value.is_finite() || value < 0.0 {
        return Err(WireError::Range { field });
    }
    payload.extend_from_slice(&value.to_be_bytes());
    Ok(())
}

/// Family, IP and port.
pub(crate) fn put_address(payload: &mut impl Extend<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            payload.extend([4]);
            payload.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            payload.extend([6]);
            payload.extend(ip.octets());
        }
    }
    payload.extend(address.port().to_be_bytes());
}
