//! How many requests may be held, and how many bytes of their bodies: in all, for a namespace and for an app, so that a
//! flood on one leaves room for the others.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use proxy::{Failure, body::Budget, error::HoldScope};

/// Bytes that one held request may have in memory.
const BYTES_EACH: usize = 64 << 10;
/// Parts that are kept in mind before those that nobody uses are forgotten.
const FORGET_FROM: usize = 64;

/// Bounds of a process, and what part of them a namespace and an app may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    pub(crate) namespace_percent: u32,
    pub(crate) app_percent: u32,
}

impl Bounds {
    fn part(self, percent: u32) -> (usize, usize) {
        let of = |all: usize| (all as u64 * u64::from(percent) / 100).max(1) as usize;
        (of(self.count), of(self.bytes))
    }
}

/// The room of the whole process.
#[derive(Debug)]
pub(crate) struct Room {
    bounds: Bounds,
    all: Arc<Part>,
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    by_name: HashMap<Box<str>, Weak<Part>>,
    forget_at: usize,
}

/// The room of the process, a namespace or an app; there while somebody is in it.
#[derive(Debug)]
pub(crate) struct Part {
    scope: HoldScope,
    size: usize,
    taken: AtomicUsize,
    bodies: Arc<Budget>,
    within: Option<Arc<Part>>,
}

/// A held request's place, until dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Part>);

impl Room {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let bodies = Budget::new(bounds.bytes, BYTES_EACH);
        let all = Part { scope: HoldScope::All, size: bounds.count, taken: AtomicUsize::new(0), bodies, within: None };
        Self { bounds, all: Arc::new(all), parts: Mutex::default() }
    }

    /// Held requests now.
    pub(crate) fn taken(&self) -> usize {
        self.all.taken.load(Ordering::Relaxed)
    }

    /// Bytes of their bodies.
    pub(crate) fn bytes(&self) -> usize {
        self.all.bodies.used()
    }

    /// The room of those at the door, who share one part of it, whatever they ask for.
    pub(crate) fn door(&self) -> Arc<Part> {
        self.of("", "")
    }

    /// The room of an app.
    pub(crate) fn of(&self, namespace: &str, app: &str) -> Arc<Part> {
        let Bounds { namespace_percent, app_percent, .. } = self.bounds;
        // No namespace and no app is named with a slash.
        let name = format!("{namespace}/{app}");
        let mut parts = self.parts.lock();
        let known = parts.by_name.get(&*name).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let namespace = parts.get(namespace, || {
                Part::new(HoldScope::Namespace, self.bounds.part(namespace_percent), Arc::clone(&self.all))
            });
            parts.get(&name, || Part::new(HoldScope::App, self.bounds.part(app_percent), namespace))
        })
    }
}

impl Parts {
    fn get(&mut self, name: &str, make: impl FnOnce() -> Part) -> Arc<Part> {
        if let Some(known) = self.by_name.get(name).and_then(Weak::upgrade) {
            return known;
        }
        if self.by_name.len() >= self.forget_at.max(FORGET_FROM) {
            self.by_name.retain(|_, part| part.strong_count() > 0);
            self.forget_at = self.by_name.len() * 2;
        }
        let part = Arc::new(make());
        self.by_name.insert(name.into(), Arc::downgrade(&part));
        part
    }
}

impl Part {
    fn new(scope: HoldScope, (size, bytes): (usize, usize), within: Arc<Self>) -> Self {
        let bodies = Budget::within(Arc::clone(&within.bodies), bytes);
        Self { scope, size, taken: AtomicUsize::new(0), bodies, within: Some(within) }
    }

    /// What bodies of its requests may have in memory.
    pub(crate) fn bodies(&self) -> Arc<Budget> {
        Arc::clone(&self.bodies)
    }

    /// Takes a place. One who was in before is let in `again` in any case: it is not to be lost.
    ///
    /// # Errors
    /// One of the bounds is met.
    pub(crate) fn enter(self: Arc<Self>, again: bool) -> Result<Place, Failure> {
        let place = Place(self);
        let mut full = None;
        for part in place.chain() {
            let taken = part.taken.fetch_add(1, Ordering::Relaxed);
            if taken >= part.size && full.is_none() {
                full = Some(part.scope);
            }
        }
        match full.filter(|_| !again) {
            Some(scope) => Err(Failure::HoldFull(scope)),
            None => Ok(place),
        }
    }
}

impl Place {
    /// The app's part, the namespace's, the process's.
    fn chain(&self) -> impl Iterator<Item = &Part> {
        std::iter::successors(Some(&*self.0), |part| part.within.as_deref())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for part in self.chain() {
            part.taken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room::new(Bounds { count: 8, bytes: 800, namespace_percent: 75, app_percent: 50 })
    }

    fn enter(room: &Room, namespace: &str, app: &str) -> Result<Place, Failure> {
        room.of(namespace, app).enter(false)
    }

    #[test]
    fn an_app_and_a_namespace_leave_room_for_others() {
        let room = room();
        let mut inside: Vec<_> = (0..4).map(|_| enter(&room, "a", "one").unwrap()).collect();
        assert_eq!(enter(&room, "a", "one").unwrap_err(), Failure::HoldFull(HoldScope::App));
        inside.extend((0..2).map(|_| enter(&room, "a", "two").unwrap()));
        assert_eq!(enter(&room, "a", "two").unwrap_err(), Failure::HoldFull(HoldScope::Namespace));
        inside.extend((0..2).map(|_| enter(&room, "b", "one").unwrap()));
        assert_eq!(enter(&room, "b", "one").unwrap_err(), Failure::HoldFull(HoldScope::All));
        assert!(room.of("b", "one").enter(true).is_ok(), "who was in before");
        assert_eq!(room.taken(), 8, "whoever is refused or has left takes no place");
        drop(inside);
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn bytes_are_bounded_in_the_same_parts() {
        let room = room();
        let part = room.of("a", "one");
        assert!(part.bodies().has_room());
        assert_eq!(part.bodies().total(), 400);
        assert_eq!(room.of("a", "two").within.as_ref().unwrap().bodies.total(), 600);
    }

    #[test]
    fn apps_that_hold_nothing_are_forgotten() {
        let room = room();
        let kept = enter(&room, "kept", "app").unwrap();
        for app in 0..10 * FORGET_FROM {
            drop(enter(&room, "a", &app.to_string()));
        }
        assert!(room.parts.lock().by_name.len() <= 2 * FORGET_FROM);
        assert!(Arc::ptr_eq(&room.of("kept", "app"), &kept.0));
    }
}
