//! The connections of one address. Each lock is held for a few instructions and never across an await.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    Cause, PoolLimits,
    connection::{Connection, Idle},
    http2::Shared,
};
use crate::{Shortage, net::Dial, sockets::Roomy};

/// Buffer of an HTTP/1 connection at most, which bounds a response's head.
pub(super) const BUFFER_MAX: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Home {
    pub(super) address: SocketAddr,
    pub(super) limits: PoolLimits,
    retired: AtomicBool,
    /// Oldest first.
    free: Mutex<Vec<Idle>>,
    shared: Mutex<Vec<Arc<Shared>>>,
    /// Whose turn it is to open an HTTP/2 connection: the others wait for its result.
    pub(super) turn: Semaphore,
    /// HTTP/2 connections that could not be opened.
    pub(super) failures: Mutex<Failures>,
}

/// What others learn of an attempt that was theirs as well.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Failures {
    /// So far.
    pub(super) count: u32,
    /// What the last one was short of.
    pub(super) short: Option<Shortage>,
}

impl Home {
    pub(super) fn new(address: SocketAddr, limits: PoolLimits) -> Self {
        Self {
            address,
            limits,
            retired: AtomicBool::new(false),
            free: Mutex::default(),
            shared: Mutex::default(),
            turn: Semaphore::new(1),
            failures: Mutex::default(),
        }
    }

    /// Takes the warmest free connection, and how long it has been free.
    pub(super) fn take(&self) -> Option<(Connection, Duration)> {
        let now = Instant::now();
        let mut free = self.free.lock();
        while let Some(idle) = free.pop() {
            let unused = now.saturating_duration_since(idle.since);
            if unused > self.limits.idle_timeout {
                // Those below have waited even longer.
                free.clear();
            } else if idle.connection.is_ready() {
                return Some((idle.connection, unused));
            }
        }
        None
    }

    pub(super) fn put(&self, connection: Connection) {
        if self.retired.load(Ordering::Relaxed) {
            return;
        }
        let since = Instant::now();
        let mut free = self.free.lock();
        if free.len() >= self.limits.idle_per_address {
            free.remove(0);
        }
        free.push(Idle { connection, since });
    }

    /// One connection broke: the free ones most likely end with the same process, and what is sent on them breaks as well.
    pub(super) fn broke(&self) {
        self.free.lock().clear();
    }

    /// The HTTP/2 connection with room, if one has; with `crowded`, the least busy one even if it has none.
    pub(super) fn join(&self, crowded: bool) -> Option<Arc<Shared>> {
        let mut shared = self.shared.lock();
        shared.retain(|connection| !connection.is_closed());
        let best = shared.iter().min_by_key(|connection| connection.streams())?;
        (crowded || best.has_room()).then(|| Arc::clone(best))
    }

    pub(super) fn may_open(&self) -> bool {
        self.shared.lock().len() < self.limits.h2_per_address
    }

    pub(super) fn add(&self, connection: Arc<Shared>) {
        if !self.retired.load(Ordering::Relaxed) {
            self.shared.lock().push(connection);
        }
    }

    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.free.lock().clear();
        self.shared.lock().clear();
    }

    /// Closes what nobody uses.
    pub(super) fn make_room(&self) {
        self.free.lock().clear();
        self.shared.lock().retain(|connection| connection.streams() > 0);
    }

    pub(super) fn sweep(&self, now: Instant) {
        let timeout = self.limits.idle_timeout;
        self.free
            .lock()
            .retain_mut(|idle| now.saturating_duration_since(idle.since) <= timeout && idle.connection.look());
        self.shared.lock().retain(|connection| !connection.is_closed() && connection.used_since_last_asked());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.lock().is_empty() && self.shared.lock().is_empty()
    }

    pub(super) fn idle(&self) -> usize {
        self.free.lock().len()
    }

    pub(super) async fn dial<D: Dial>(&self, dial: &D) -> Result<Roomy<D::Io>, Cause> {
        let sockets = &self.limits.sockets;
        let dialled = async {
            let room = sockets.room()?;
            dial.dial(self.address).await.map(|io| Roomy::new(io, room))
        };
        let cause = match tokio::time::timeout(self.limits.connect_timeout, dialled).await {
            Ok(Ok(io)) => return Ok(io),
            Ok(Err(cause)) => Cause::Connect(cause),
            Err(_) => Cause::ConnectTimeout,
        };
        if let Some(shortage) = cause.shortage() {
            sockets.note(shortage);
        }
        Err(cause)
    }
}
