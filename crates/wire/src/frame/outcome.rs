//! What revisions did for users: of a histogram only what is not zero travels, in rising order.

use bytes::BytesMut;
use rollout::tally::{BUCKETS, Tally, Times};

use super::read::Reader;
use super::write::{put_count, put_text};
use super::{COUNT_MAX, NAME_BYTES_MAX};
use crate::WireError;
use crate::message::Outcome;

// A bucket's place travels as one byte.
const _: () = assert!(BUCKETS <= 256);

pub(super) fn put(payload: &mut BytesMut, outcome: &Outcome) -> Result<(), WireError> {
    let Outcome { revision_uid, count, tally } = outcome;
    put_text(payload, "revision_uid", revision_uid, NAME_BYTES_MAX)?;
    payload.extend_from_slice(&count.to_be_bytes());
    put_number(payload, "requests", tally.requests)?;
    put_number(payload, "errors", tally.errors)?;
    put_number(payload, "cold_starts", tally.cold_starts)?;
    let times = || tally.times.counts().iter().enumerate().filter(|(_, number)| **number > 0);
    put_count(payload, "times", times().count(), BUCKETS)?;
    times().try_for_each(|(place, number)| {
        payload.extend_from_slice(&[place as u8]);
        put_number(payload, "times.number", *number)
    })
}

pub(super) fn take(payload: &mut Reader<'_>) -> Result<Outcome, WireError> {
    Ok(Outcome {
        revision_uid: payload.text("revision_uid", NAME_BYTES_MAX)?,
        count: payload.u64("count")?,
        tally: Tally {
            requests: take_number(payload, "requests")?,
            errors: take_number(payload, "errors")?,
            cold_starts: take_number(payload, "cold_starts")?,
            times: take_times(payload)?,
        },
    })
}

fn take_times(payload: &mut Reader<'_>) -> Result<Times, WireError> {
    let mut times = [0; BUCKETS];
    let mut free = 0;
    payload.list("times", BUCKETS, |payload| {
        let place = usize::from(payload.u8("times.place")?);
        // One form for each message: rising places, and none with nothing in it.
        if place < free || place >= BUCKETS {
            return Err(WireError::Range { field: "times.place" });
        }
        free = place + 1;
        times[place] = take_number(payload, "times.number")?;
        if times[place] == 0 { Err(WireError::Range { field: "times.number" }) } else { Ok(()) }
    })?;
    Ok(Times::of(times))
}

fn put_number(payload: &mut BytesMut, field: &'static str, number: u64) -> Result<(), WireError> {
    if number > COUNT_MAX {
        return Err(WireError::Range { field });
    }
    payload.extend_from_slice(&number.to_be_bytes());
    Ok(())
}

fn take_number(payload: &mut Reader<'_>, field: &'static str) -> Result<u64, WireError> {
    let number = payload.u64(field)?;
    if number > COUNT_MAX { Err(WireError::Range { field }) } else { Ok(number) }
}
