//! What revisions of a release did for users: the sum over all activators, as they tell it on the hub.
//!
//! An activator counts from the release's beginning and tells its whole count; here only what is new is added. A count that
//! is met first on a new stream was begun under another leader: what it says is where it starts from, and counts nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rollout::Tally;
use tokio::time::Instant;
use wire::Outcome;

/// Revisions at most of which outcomes are kept; those of more are not heard.
const REVISIONS_MAX: usize = 4096;
/// What an activator told is kept for so long after its last stream ended: it dials again within seconds, or never.
const LOST_KEPT: Duration = Duration::from_secs(90);

/// The sums of one term of leadership. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    revisions: HashMap<String, Revision>,
    activators: HashMap<Arc<str>, Presence>,
}

#[derive(Debug, Default)]
struct Revision {
    sum: Tally,
    /// The last word of each activator.
    told: HashMap<Arc<str>, Told>,
}

#[derive(Debug)]
struct Told {
    epoch: u64,
    count: u64,
    tally: Tally,
}

/// Streams of an activator's name: for a moment there are two when it dials again.
#[derive(Debug, Default)]
struct Presence {
    streams: usize,
    lost_at: Option<Instant>,
}

impl Outcomes {
    /// What a revision did since this process leads; nothing of one that nobody told of.
    pub fn of(&self, revision_uid: &str) -> Tally {
        self.state.lock().revisions.get(revision_uid).map(|revision| revision.sum.clone()).unwrap_or_default()
    }

    /// An activator that has proved itself begins to speak.
    pub fn join(&self, pod: &str, epoch: u64) -> Voice {
        let pod: Arc<str> = pod.into();
        let mut state = self.state.lock();
        let presence = state.activators.entry(Arc::clone(&pod)).or_default();
        presence.streams += 1;
        presence.lost_at = None;
        Voice { outcomes: self.clone(), pod, epoch }
    }

    /// Drops revisions for which `keep` says no, and what activators told that are gone.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut state = self.state.lock();
        let State { revisions, activators } = &mut *state;
        activators.retain(|_, presence| presence.lost_at.is_none_or(|at| at.elapsed() < LOST_KEPT));
        revisions.retain(|uid, _| keep(uid));
        for revision in revisions.values_mut() {
            revision.told.retain(|pod, _| activators.contains_key(pod));
        }
        if revisions.len() < revisions.capacity() / 4 {
            revisions.shrink_to_fit();
        }
    }
}

/// One stream of an activator; dropped when that ends.
#[derive(Debug)]
pub struct Voice {
    outcomes: Outcomes,
    pod: Arc<str>,
    epoch: u64,
}

impl Voice {
    /// It told of these; `replay` says that it is the first word on the stream.
    pub fn hear(&self, replay: bool, outcomes: &[Outcome]) {
        let mut state = self.outcomes.state.lock();
        for outcome in outcomes {
            if state.revisions.len() < REVISIONS_MAX || state.revisions.contains_key(&outcome.revision_uid) {
                let revision = state.revisions.entry(outcome.revision_uid.clone()).or_default();
                revision.hear(&self.pod, self.epoch, replay, outcome);
            }
        }
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        if let Some(presence) = self.outcomes.state.lock().activators.get_mut(&self.pod) {
            presence.streams -= 1;
            if presence.streams == 0 {
                presence.lost_at = Some(Instant::now());
            }
        }
    }
}

impl Revision {
    fn hear(&mut self, pod: &Arc<str>, epoch: u64, replay: bool, Outcome { count, tally, .. }: &Outcome) {
        match self.told.get_mut(pod) {
            Some(told) if (told.epoch, told.count) == (epoch, *count) => {
                // A word that is older than the last one has no news, and takes nothing back.
                let news = tally.since(&told.tally);
                told.tally.add(&news);
                self.sum.add(&news);
            }
            _ => {
                if !replay {
                    self.sum.add(tally);
                }
                self.told.insert(Arc::clone(pod), Told { epoch, count: *count, tally: tally.clone() });
            }
        }
    }
}

#[cfg(test)]
mod tests;
