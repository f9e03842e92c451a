//! What a revision tells the hub of those who wait.

use tokio::time::Instant;
use wire::Up;

use super::{Revision, live::Live};
use crate::demand::Say;

impl Revision {
    /// Says to the hub how many wait, if any do.
    pub(crate) fn repeat_demand(&self) -> Option<Up> {
        let mut live = self.line.lock();
        let live = live.as_mut()?;
        let held = live.pace.repeat(live.queue.len() as u32, Instant::now())?;
        Some(self.demand_of(held))
    }

    fn demand_of(&self, held: u32) -> Up {
        Up::Demand { revision_uid: self.uid.to_string(), held }
    }

    /// Tells the hub about a changed number of waiters, at the pace that `demand` sets.
    pub(super) fn demand(&self, live: &mut Live, now: Instant) {
        match live.pace.changed(live.queue.len() as u32, now) {
            Say::Nothing => {}
            Say::Now(held) => {
                (self.shared.tell)(self.demand_of(held));
                live.told();
            }
            Say::Later(at) => self.later(at, |revision| {
                let mut live = revision.live();
                let held = live.queue.len() as u32;
                if let Some(held) = live.pace.due(held, Instant::now()) {
                    (revision.shared.tell)(revision.demand_of(held));
                    live.told();
                }
            }),
        }
    }
}
