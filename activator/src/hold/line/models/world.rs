//! The least that has a line: pods that all have the same cap, and threads for requests.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
};

use loom::sync::Condvar;

use crate::{
    hold::{
        line::Line,
        queue::{Number, Numbers, Queue},
        share::Cap,
    },
    pick::{self, Lease as LeaseOf, Owner, Slot},
};

type Lease = LeaseOf<World>;

/// What a revision is to its line.
#[derive(Debug)]
pub(super) struct World {
    line: Line<Queue<Arc<Call>>>,
    slots: Vec<Arc<Slot>>,
    /// How many of them take requests.
    ready: AtomicUsize,
    cap: Cap,
    numbers: Numbers,
    inside: AtomicU32,
    this: Weak<Self>,
}

/// What one who waits waits on.
#[derive(Debug, Default)]
struct Call {
    told: proxy::sync::Mutex<Told>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Told {
    #[default]
    Nothing,
    Place(Lease),
    Gone,
}

/// One who waits.
pub(super) struct Waiting {
    world: Arc<World>,
    number: Number,
    call: Arc<Call>,
}

impl AsMut<Self> for Queue<Arc<Call>> {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl Owner for World {
    fn place_free(&self) {
        if let Some(mut queue) = self.line.lock_if_waiting() {
            self.release(&mut queue);
        }
    }
}

impl World {
    pub(super) fn new(pods: usize, cap: Cap) -> Arc<Self> {
        let slot = |_| Slot::new(([10, 0, 0, 1], 8012).into());
        Arc::new_cyclic(|this| Self {
            line: Line::default(),
            slots: (0..=pods).map(slot).collect(),
            ready: AtomicUsize::new(pods),
            cap,
            numbers: Numbers::default(),
            inside: AtomicU32::new(0),
            this: this.clone(),
        })
    }

    fn slots(&self) -> &[Arc<Slot>] {
        &self.slots[..self.ready.load(SeqCst)]
    }

    /// A place in the first pod, as a warm request takes it; the choice between pods is random, so not for a model.
    pub(super) fn take(self: &Arc<Self>) -> Option<Lease> {
        if self.line.waiting() > 0 {
            return None;
        }
        let slot = pick::choose(self.slots().get(..1)?, self.cap)?;
        Some(Lease::new(Arc::clone(slot), Arc::clone(self)))
    }

    pub(super) fn enter(self: &Arc<Self>) -> Waiting {
        let (number, call) = (self.numbers.next(), Arc::<Call>::default());
        let mut queue = self.line.lock();
        self.line.enter(&mut *queue, number, Arc::clone(&call), |queue| self.release(queue));
        Waiting { world: Arc::clone(self), number, call }
    }

    /// As a request comes to its place.
    pub(super) fn place(self: &Arc<Self>) -> Lease {
        self.take().unwrap_or_else(|| self.enter().call())
    }

    pub(super) fn pass(self: &Arc<Self>) {
        self.stay(self.place());
    }

    /// A pod more.
    pub(super) fn ready(&self) {
        let mut queue = self.line.lock();
        self.ready.fetch_add(1, SeqCst);
        self.release(&mut queue);
    }

    fn release(&self, queue: &mut Queue<Arc<Call>>) {
        let slots = self.slots();
        let find = |_: &Arc<Call>| {
            let slot = pick::least(slots, None, self.cap)?;
            Some(Lease::new(Arc::clone(slot), self.this.upgrade().unwrap()))
        };
        let give = |call: Arc<Call>, lease: Lease| {
            if let Err(lease) = call.give(lease) {
                lease.give_back();
            }
        };
        self.line.release(queue, find, give);
    }

    /// Has its place for a moment in which others may run.
    pub(super) fn stay(&self, lease: Lease) {
        let beside = self.inside.fetch_add(1, SeqCst);
        assert!(pick::outstanding(self.slots()) <= 1);
        self.inside.fetch_sub(1, SeqCst);
        assert_eq!(beside, 0, "all models in which one stays have one place");
        drop(lease);
    }

    /// So many places are taken.
    pub(super) fn count(&self, taken: u32) {
        assert_eq!(pick::outstanding(self.slots()), taken);
    }

    /// All places are there, and nobody waits.
    pub(super) fn rests(&self) {
        self.count(0);
        assert_eq!(self.line.waiting(), 0);
        assert!(self.line.lock().is_empty());
    }
}

impl Call {
    fn give(&self, lease: Lease) -> Result<(), Lease> {
        let mut told = self.told.lock();
        if matches!(*told, Told::Gone) {
            return Err(lease);
        }
        *told = Told::Place(lease);
        self.changed.notify_one();
        Ok(())
    }

    /// What was given, if anything was; nothing is from now on. Dropped when the lock is open.
    fn close(&self) -> Option<Lease> {
        match std::mem::replace(&mut *self.told.lock(), Told::Gone) {
            Told::Place(lease) => Some(lease),
            Told::Nothing | Told::Gone => None,
        }
    }
}

impl Waiting {
    /// Waits until it is called.
    pub(super) fn call(self) -> Lease {
        let mut told = self.call.told.lock();
        while matches!(*told, Told::Nothing) {
            told = self.call.changed.wait(told).unwrap();
        }
        drop(told);
        let lease = self.call.close().unwrap();
        self.leave();
        lease
    }

    /// Its client leaves: what it waits on is dropped, and then its ticket.
    pub(super) fn depart(self) {
        drop(self.call.close());
        self.leave();
    }

    /// Its deadline passes: it leaves the line, and then looks whether it was called until then.
    pub(super) fn give_up(self) {
        self.leave();
        if let Some(lease) = self.call.close() {
            self.world.stay(lease);
        }
    }

    fn leave(&self) {
        self.world.line.leave(&mut self.world.line.lock(), self.number);
    }
}
