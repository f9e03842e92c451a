//! A request whose app has no revision to show yet: it waits until the routing table has one.
//!
//! A user applies an app and calls it at once: the operator needs a moment to make the first revision, and our watches
//! tell of app and revision in any order.

use proxy::Failure;
use tokio::time::{Instant, sleep_until};

use super::{Held, room::Room};
use crate::table::{Table, store::Tables};

/// Waits until `find` finds somebody in the newest table; at most until `deadline`.
///
/// # Errors
/// The limit that was met, or what `find` says. Dropping the future gives the place back.
pub(crate) async fn wait<T>(
    room: &Room,
    tables: &Tables,
    find: impl Fn(&Table) -> Result<Option<T>, Failure>,
    deadline: Instant,
    held: &mut Held,
) -> Result<T, Failure> {
    let _place = room.door().enter(held.was_in)?;
    held.was_in = true;
    let entered = Instant::now();
    // Followed before the first look: a table that comes in between rings.
    let mut changed = tables.follow();
    let found = loop {
        if let Some(found) = find(&tables.load())? {
            break found;
        }
        tokio::select! {
            // The tables outlive the requests.
            _ = changed.changed() => {}
            () = sleep_until(deadline) => return Err(Failure::HoldTimeout(None)),
        }
    };
    held.waited += entered.elapsed();
    Ok(found)
}
