//! Long lists in several messages, each below [`FRAME_BYTES_MAX`].

use rollout::tally::BUCKETS;

use crate::message::{Down, Endpoint, Load, Outcome, Up};
use crate::{FRAME_BYTES_MAX, NAME_BYTES_MAX};

/// Room for a frame's kind, second and count.
const HEAD_BYTES: usize = 16;
const COUNT_BYTES: usize = 2;
const BUCKET_BYTES: usize = 16;
/// UID, four numbers, and a histogram without a gap.
const OUTCOME_BYTES_MAX: usize = 2 * COUNT_BYTES + NAME_BYTES_MAX + 4 * 8 + BUCKETS * 9;
/// Family, IPv6 address and port.
const ADDRESS_BYTES_MAX: usize = 19;
const ENDPOINTS_MAX: usize = (FRAME_BYTES_MAX - HEAD_BYTES) / (COUNT_BYTES + NAME_BYTES_MAX + ADDRESS_BYTES_MAX);

impl Up {
    /// `loads` as reports of the same second; one empty report when there are none, for a report also says
    /// "I am alive and see nothing".
    pub fn reports(second: u64, loads: Vec<Load>) -> Vec<Self> {
        let bytes = |load: &Load| 2 * COUNT_BYTES + load.revision_uid.len() + 4 + BUCKET_BYTES * load.buckets.len();
        let mut batches = batches(loads, bytes);
        if batches.is_empty() {
            batches.push(Vec::new());
        }
        batches.into_iter().map(|loads| Self::Report { second, loads }).collect()
    }

    /// `outcomes` in messages, none when there are none.
    pub fn outcomes(replay: bool, outcomes: Vec<Outcome>) -> Vec<Self> {
        let batches = batches(outcomes, |_| OUTCOME_BYTES_MAX);
        batches.into_iter().map(|outcomes| Self::Outcomes { replay, outcomes }).collect()
    }
}

/// The items in order, as many together as fit into a frame.
fn batches<T>(items: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut batches = Vec::new();
    let (mut batch, mut used) = (Vec::new(), HEAD_BYTES);
    for item in items {
        let length = bytes(&item);
        if used + length > FRAME_BYTES_MAX && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            used = HEAD_BYTES;
        }
        used += length;
        batch.push(item);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
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
