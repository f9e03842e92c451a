//! A request that waits for a pod: until one has room, its deadline passes, the revision fails, or its client leaves.

pub(crate) mod door;
pub(crate) mod line;
pub(crate) mod queue;
pub(crate) mod room;
pub(crate) mod share;

use std::{sync::Arc, time::Duration};

use proxy::Failure;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use crate::{
    cold::ColdStart,
    metrics::Woke,
    pick::{Lease, Owner as _},
    revision::{Entered, Revision},
};
use queue::Number;
use room::Place;
use share::PATIENCE;

/// How long a request waits for a revision that is known to fail; demand goes out all the while, so the next try counts.
pub(crate) const FAILING_PATIENCE: Duration = Duration::from_secs(10);

/// What a waiter is told: a place in a pod, or why there will be none.
pub(crate) type Verdict = Result<Grant, Arc<str>>;

/// One who waits, as the revision knows it.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) arrived: Instant,
    pub(crate) sender: oneshot::Sender<Verdict>,
}

/// A place in a pod, for one who waited.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) lease: Lease,
    /// When the revision's first pod took requests, if it had none before.
    pub(crate) woke: Option<Instant>,
    /// The story of the cold start, for the first one who is released.
    pub(crate) story: Option<Box<ColdStart>>,
}

/// How a request came to its place.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Whether it was let into the room: then it is let in again in any case.
    pub(crate) was_in: bool,
    /// Its place in the order of arrival, should it have to wait again.
    pub(crate) number: Option<Number>,
    /// Whether the revision had no pod when it came.
    pub(crate) cold: bool,
    /// Whether it was the one that woke the revision.
    pub(crate) first: bool,
    /// When the first pod took requests.
    pub(crate) woke: Option<Instant>,
    /// Time spent waiting, over all times.
    pub(crate) waited: Duration,
    /// The story of the cold start, to be told to its end.
    pub(crate) story: Option<Box<ColdStart>>,
}

/// Stays in the queue while it lives; leaves when dropped, which is how a departed client is noticed.
struct Ticket {
    revision: Arc<Revision>,
    number: Number,
    entered: Instant,
    end: Woke,
    _held: proxy::meter::MeterGuard,
    _place: Place,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.revision.leave(self.number, self.entered, self.end);
    }
}

/// Waits for a place. `arrived` is when the request came, `deadline` when it stops waiting.
///
/// # Errors
/// The limit that was met. Dropping the future takes the request out of the queue.
pub(crate) async fn wait(
    revision: &Arc<Revision>,
    arrived: Instant,
    deadline: Instant,
    held: &mut Held,
) -> Result<Lease, Failure> {
    let entered = Instant::now();
    let place = revision.room().enter(held.was_in)?;
    let Entered { number, cold, first, failing, receiver } = revision.enter(arrived, held.number);
    let ticket = Ticket {
        revision: Arc::clone(revision),
        number,
        entered,
        end: Woke::Departed,
        _held: revision.meter.enter(),
        _place: place,
    };
    held.was_in = true;
    held.cold |= cold;
    held.first |= first;
    held.number = Some(number);
    let verdict = sit(ticket, receiver, arrived, deadline, failing).await;
    held.waited += entered.elapsed();
    match verdict {
        Some(Ok(grant)) => {
            held.woke = held.woke.or(grant.woke.filter(|_| cold));
            held.story = grant.story.or(held.story.take());
            Ok(grant.lease)
        }
        Some(Err(why)) => Err(Failure::RevisionFailed(why.as_ref().to_owned())),
        None => Err(Failure::HoldTimeout(revision.obstacle())),
    }
}

/// `None`: the deadline passed.
async fn sit(
    mut ticket: Ticket,
    mut receiver: oneshot::Receiver<Verdict>,
    arrived: Instant,
    deadline: Instant,
    failing: bool,
) -> Option<Verdict> {
    let mut patient = arrived.elapsed() < PATIENCE;
    let mut failing = failing;
    loop {
        tokio::select! {
            biased;
            verdict = &mut receiver => {
                ticket.end = if matches!(verdict, Ok(Ok(_))) { Woke::Ready } else { Woke::Failed };
                return verdict.ok();
            }
            () = sleep_until(deadline) => break,
            () = sleep_until(arrived + PATIENCE), if patient => {
                patient = false;
                ticket.revision.place_free();
            }
            () = sleep_until(ticket.entered + FAILING_PATIENCE), if failing => {
                failing = false;
                if let Some(why) = ticket.revision.failure() {
                    ticket.end = Woke::Failed;
                    return Some(Err(why));
                }
            }
        }
    }
    ticket.end = Woke::Timeout;
    // Out of the queue first: then nobody can call it any more, and what was said until then is not lost.
    drop(ticket);
    receiver.try_recv().ok()
}
