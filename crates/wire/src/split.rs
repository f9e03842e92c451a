//! Long lists in several messages, each below [`FRAME_BYTES_MAX`].

use crate::message::{Down, Endpoint, Load, Up};
use crate::{FRAME_BYTES_MAX, NAME_BYTES_MAX};

/// Room for a frame's kind, second and count.
const HEAD_BYTES: usize = 16;
const COUNT_BYTES: usize = 2;
const BUCKET_BYTES: usize = 16;
/// Family, IPv6 address and port.
const ADDRESS_BYTES_MAX: usize = 19;
const ENDPOINTS_MAX: usize = (FRAME_BYTES_MAX - HEAD_BYTES) / (COUNT_BYTES + NAME_BYTES_MAX + ADDRESS_BYTES_MAX);

impl Up {
    /// `loads` as reports of the same second; one empty report when there are none, for a report also says
    /// "I am alive and see nothing".
    pub fn reports(second: u64, loads: Vec<Load>) -> Vec<Self> {
        let mut reports = Vec::new();
        let mut batch = Vec::new();
        let mut bytes = HEAD_BYTES;
        for load in loads {
            let length = 2 * COUNT_BYTES + load.revision_uid.len() + 4 + BUCKET_BYTES * load.buckets.len();
            if bytes + length > FRAME_BYTES_MAX && !batch.is_empty() {
                reports.push(Self::Report { second, loads: std::mem::take(&mut batch) });
                bytes = HEAD_BYTES;
            }
            bytes += length;
            batch.push(load);
        }
        if !batch.is_empty() || reports.is_empty() {
            reports.push(Self::Report { second, loads: batch });
        }
        reports
    }
}

impl Down {
    /// The whole set of endpoints: one [`Down::Endpoints`], and a [`Down::EndpointUp`] for each that it has no room for.
    pub fn endpoints(mut endpoints: Vec<Endpoint>) -> Vec<Self> {
        let more = endpoints.split_off(endpoints.len().min(ENDPOINTS_MAX));
        std::iter::once(Self::Endpoints(endpoints))
            .chain(more.into_iter().map(|endpoint| Self::EndpointUp { endpoint, share: 0 }))
            .collect()
    }
}
