//! The frames of an open stream, both ways.

use bytes::BytesMut;

use super::read::Reader;
use super::write::{put_address, put_count, put_float, put_text};
use super::{FRAME_BYTES_MAX, Frame, NAME_BYTES_MAX, outcome};
use crate::message::{Down, Endpoint, Load, Up};
use crate::{Bucket, History, WireError};

const REPORT: u8 = 16;
const DEMAND: u8 = 17;
const READY: u8 = 18;
const DRAINING: u8 = 19;
const OUTCOMES: u8 = 20;
const WORN: u8 = 21;
const ENDPOINTS: u8 = 32;
const ENDPOINT_UP: u8 = 33;
const ENDPOINT_DOWN: u8 = 34;
const DESIRED: u8 = 35;

impl Frame for Up {
    const BYTES_MAX: usize = FRAME_BYTES_MAX;

    fn knows(kind: u8) -> bool {
        matches!(kind, REPORT | DEMAND | READY | DRAINING | OUTCOMES | WORN)
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Report { .. } => REPORT,
            Self::Demand { .. } => DEMAND,
            Self::Ready => READY,
            Self::Draining => DRAINING,
            Self::Outcomes { .. } => OUTCOMES,
            Self::Worn => WORN,
        }
    }

    fn put(&self, payload: &mut BytesMut) -> Result<(), WireError> {
        match self {
            Self::Report { second, loads } => {
                payload.extend_from_slice(&second.to_be_bytes());
                put_count(payload, "loads", loads.len(), usize::from(u16::MAX))?;
                loads.iter().try_for_each(|load| put_load(payload, load))
            }
            Self::Demand { revision_uid, held } => {
                put_text(payload, "revision_uid", revision_uid, NAME_BYTES_MAX)?;
                payload.extend_from_slice(&held.to_be_bytes());
                Ok(())
            }
            Self::Outcomes { replay, outcomes } => {
                payload.extend_from_slice(&[u8::from(*replay)]);
                put_count(payload, "outcomes", outcomes.len(), usize::from(u16::MAX))?;
                outcomes.iter().try_for_each(|outcome| outcome::put(payload, outcome))
            }
            Self::Ready | Self::Draining | Self::Worn => Ok(()),
        }
    }

    fn take(kind: u8, payload: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match kind {
            REPORT => Self::Report {
                second: payload.u64("second")?,
                loads: payload.list("loads", usize::from(u16::MAX), take_load)?,
            },
            DEMAND => {
                Self::Demand { revision_uid: payload.text("revision_uid", NAME_BYTES_MAX)?, held: payload.u32("held")? }
            }
            OUTCOMES => Self::Outcomes {
                replay: payload.flag("replay")?,
                outcomes: payload.list("outcomes", usize::from(u16::MAX), outcome::take)?,
            },
            READY => Self::Ready,
            WORN => Self::Worn,
            _ => Self::Draining,
        })
    }
}

impl Frame for Down {
    const BYTES_MAX: usize = FRAME_BYTES_MAX;

    fn knows(kind: u8) -> bool {
        matches!(kind, ENDPOINTS | ENDPOINT_UP | ENDPOINT_DOWN | DESIRED)
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Endpoints(_) => ENDPOINTS,
            Self::EndpointUp { .. } => ENDPOINT_UP,
            Self::EndpointDown(_) => ENDPOINT_DOWN,
            Self::Desired { .. } => DESIRED,
        }
    }

    fn put(&self, payload: &mut BytesMut) -> Result<(), WireError> {
        match self {
            Self::Endpoints(endpoints) => {
                put_count(payload, "endpoints", endpoints.len(), usize::from(u16::MAX))?;
                endpoints.iter().try_for_each(|endpoint| put_endpoint(payload, endpoint))
            }
            Self::EndpointUp { endpoint, share } => {
                put_endpoint(payload, endpoint)?;
                payload.extend_from_slice(&share.to_be_bytes());
                Ok(())
            }
            Self::EndpointDown(endpoint) => put_endpoint(payload, endpoint),
            Self::Desired { revision_uid, replicas, activators, places } => {
                put_text(payload, "revision_uid", revision_uid, NAME_BYTES_MAX)?;
                payload.extend_from_slice(&replicas.to_be_bytes());
                payload.extend_from_slice(&activators.to_be_bytes());
                payload.extend_from_slice(&places.to_be_bytes());
                Ok(())
            }
        }
    }

    fn take(kind: u8, payload: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match kind {
            ENDPOINTS => Self::Endpoints(payload.list("endpoints", usize::from(u16::MAX), take_endpoint)?),
            ENDPOINT_UP => Self::EndpointUp { endpoint: take_endpoint(payload)?, share: payload.u32("share")? },
            ENDPOINT_DOWN => Self::EndpointDown(take_endpoint(payload)?),
            _ => Self::Desired {
                revision_uid: payload.text("revision_uid", NAME_BYTES_MAX)?,
                replicas: payload.u32("replicas")?,
                activators: payload.u32("activators")?,
                places: payload.u32("places")?,
            },
        })
    }
}

fn put_load(payload: &mut BytesMut, load: &Load) -> Result<(), WireError> {
    put_text(payload, "revision_uid", &load.revision_uid, NAME_BYTES_MAX)?;
    payload.extend_from_slice(&load.now.to_be_bytes());
    put_count(payload, "buckets", load.buckets.len(), History::SECONDS)?;
    for bucket in &load.buckets {
        payload.extend_from_slice(&bucket.second.to_be_bytes());
        put_float(payload, "concurrency", bucket.concurrency)?;
        payload.extend_from_slice(&bucket.requests.to_be_bytes());
    }
    Ok(())
}

fn take_load(payload: &mut Reader<'_>) -> Result<Load, WireError> {
    Ok(Load {
        revision_uid: payload.text("revision_uid", NAME_BYTES_MAX)?,
        now: payload.u32("now")?,
        buckets: payload.list("buckets", History::SECONDS, |payload| {
            Ok(Bucket {
                second: payload.u64("bucket.second")?,
                concurrency: payload.float("concurrency")?,
                requests: payload.u32("requests")?,
            })
        })?,
    })
}

fn put_endpoint(payload: &mut BytesMut, endpoint: &Endpoint) -> Result<(), WireError> {
    put_text(payload, "revision_uid", &endpoint.revision_uid, NAME_BYTES_MAX)?;
    put_address(payload, endpoint.address);
    Ok(())
}

fn take_endpoint(payload: &mut Reader<'_>) -> Result<Endpoint, WireError> {
    Ok(Endpoint { revision_uid: payload.text("revision_uid", NAME_BYTES_MAX)?, address: payload.address("address")? })
}
