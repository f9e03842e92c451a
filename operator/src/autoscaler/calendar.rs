//! The schedules of revisions: what holds, and whom to look at when. Nothing is kept of a revision without any, and a
//! tick looks only at those whose time has come.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use policy::Schedules;
use policy::schedule::{Plan, Rule};
use scaling::Record;

use super::TICK;
use super::starts::Starts;

/// When clocks were set back by no more than this, they are waited for: a window that has ended does not open again.
const WAITED_FOR: SignedDuration = SignedDuration::from_mins(1);

/// All revisions with schedules.
#[derive(Debug, Default)]
pub struct Calendar {
    entries: HashMap<Arc<str>, Entry>,
    /// When to look at which; before everything else at those of which something else is known.
    due: BTreeSet<(Timestamp, Arc<str>)>,
    /// The time of day at the last look; none before the first.
    seen: Option<Timestamp>,
}

/// One revision.
#[derive(Debug, Default)]
pub struct Entry {
    schedules: Schedules,
    starts: Starts,
    /// How long before a window opens its pods are asked for.
    ahead: SignedDuration,
    /// Where it is in `due`.
    due: Option<Timestamp>,
}

impl Calendar {
    /// A revision has these from now on: its minimum by them, if they are others than before. What is known of its
    /// starts is kept while it has any.
    pub fn set(&mut self, uid: &Arc<str>, schedules: Schedules) -> Option<u32> {
        if schedules.is_empty() {
            self.forget(uid);
            return Some(0);
        }
        let entry = self.entries.entry(Arc::clone(uid)).or_default();
        if entry.schedules == schedules {
            return None;
        }
        entry.schedules = schedules;
        let (min, next) = self.seen.map_or((0, Some(Timestamp::MIN)), |clock| entry.plan(clock));
        self.look(uid, next);
        Some(min)
    }

    /// A revision has none any more.
    pub fn forget(&mut self, uid: &str) {
        if let Some((uid, Entry { due: Some(at), .. })) = self.entries.remove_entry(uid) {
            self.due.remove(&(at, uid));
        }
    }

    /// A decision on a revision was taken, which may tell how long its starts take.
    pub fn follow(&mut self, uid: &Arc<str>, decision: &Record, deadline: Duration) {
        let Some(entry) = self.entries.get_mut(uid) else { return };
        let before = entry.starts.expected();
        entry.starts.follow(decision, deadline);
        if entry.starts.expected() != before {
            self.look(uid, Some(Timestamp::MIN));
        }
    }

    /// The revisions whose time has come at this time of day, and the minimum that each has from now on. When clocks
    /// were set back by much, all of them: a window may not be open yet.
    pub fn turn(&mut self, clock: Timestamp) -> Vec<(Arc<str>, u32)> {
        let seen = self.seen.unwrap_or(clock);
        let clock = if seen.duration_since(clock) <= WAITED_FOR { clock.max(seen) } else { clock };
        if clock < seen {
            let all: Vec<_> = self.entries.keys().cloned().collect();
            for uid in &all {
                self.look(uid, Some(Timestamp::MIN));
            }
        }
        self.seen = Some(clock);
        let mut minima = Vec::new();
        while let Some((at, uid)) = self.due.pop_first() {
            if at > clock {
                self.due.insert((at, uid));
                break;
            }
            let Some(entry) = self.entries.get_mut(&uid) else { continue };
            let (min, next) = entry.plan(clock);
            self.look(&uid, next);
            minima.push((uid, min));
        }
        minima
    }

    /// That of a revision, if it has any.
    pub fn entry(&self, uid: &str) -> Option<&Entry> {
        self.entries.get(uid)
    }

    /// Looks at a revision again then.
    fn look(&mut self, uid: &Arc<str>, at: Option<Timestamp>) {
        let Some(entry) = self.entries.get_mut(uid) else { return };
        if let Some(at) = std::mem::replace(&mut entry.due, at) {
            self.due.remove(&(at, Arc::clone(uid)));
        }
        self.due.extend(at.map(|at| (at, Arc::clone(uid))));
    }
}

impl Entry {
    /// The rule by which there were at least `min` pods at that time of day, while the schedules are still the same.
    pub fn rule(&self, clock: Timestamp, min: u32) -> Option<&Rule> {
        self.schedules.at(clock, self.ahead).rule.filter(|rule| rule.min() == min)
    }

    /// The time of day at which another minimum may hold.
    pub fn next(&self) -> Option<Timestamp> {
        self.due
    }

    /// How long before a window opens its pods are asked for.
    pub fn ahead(&self) -> SignedDuration {
        self.ahead
    }

    /// The minimum that holds, and until when. Pods are asked for as long ahead as a start takes, which is decided on
    /// at a tick; a start that was quicker than expected takes back none of them.
    fn plan(&mut self, clock: Timestamp) -> (u32, Option<Timestamp>) {
        let min = |plan: &Plan| plan.rule.map_or(0, Rule::min);
        let ahead = SignedDuration::try_from(self.starts.expected() + TICK).unwrap_or(SignedDuration::MAX);
        let (plan, kept) = (self.schedules.at(clock, ahead), self.schedules.at(clock, self.ahead));
        let plan = if min(&plan) < min(&kept) {
            kept
        } else {
            self.ahead = ahead;
            plan
        };
        (min(&plan), plan.next)
    }
}
