//! Bytes to values; every failure names the field.

use std::net::{IpAddr, SocketAddr};

use crate::WireError;

/// What is left of one frame's payload.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// Fails when something is left.
    pub(super) fn end(&self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(WireError::Trailing { count }),
        }
    }

    fn slice(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated { field })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated { field })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        Ok(self.array::<1>(field)?[0])
    }

    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, WireError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Range { field }),
        }
    }

    fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(super) fn float(&mut self, field: &'static str) -> Result<f32, WireError> {
        let value = self.array(field).map(f32::from_be_bytes)?;
        if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(WireError::Range { field }) }
    }

    fn count(&mut self, field: &'static str, max: usize) -> Result<usize, WireError> {
        let length = usize::from(self.u16(field)?);
        if length > max { Err(WireError::TooLong { field, length, max }) } else { Ok(length) }
    }

    pub(super) fn text(&mut self, field: &'static str, max: usize) -> Result<String, WireError> {
        let length = self.count(field, max)?;
        let bytes = self.slice(field, length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| WireError::Text { field })
    }

    /// Grows with what is really there, so a false count costs its sender, not us.
    pub(super) fn list<T>(
        &mut self,
        field: &'static str,
        max: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let count = self.count(field, max)?;
        (0..count).map(|_| item(self)).collect()
    }

    pub(super) fn address(&mut self, field: &'static str) -> Result<SocketAddr, WireError> {
        let ip = match self.u8(field)? {
            4 => IpAddr::from(self.array::<4>(field)?),
            6 => IpAddr::from(self.array::<16>(field)?),
            _ => return Err(WireError::Range { field }),
        };
        Ok(SocketAddr::new(ip, self.u16(field)?))
    }
}
