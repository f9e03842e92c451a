//! A connection that is driven by whoever waits for what comes of it.
//!
//! hyper leaves it to its user who polls a connection. In a task of its own every message costs the scheduler two turns
//! more, there and back. Here the task that has the request polls the connection too, and only when something happened.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use futures_util::FutureExt as _;

use crate::sync::{
    Mutex,
    atomic::{AtomicU8, Ordering},
};

/// Turns of a connection before others have theirs: a message needs two.
const TURNS: usize = 8;

type Http = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection without a task of its own.
pub(super) struct Driven {
    /// `None`: it is over.
    http: Option<Http>,
    bell: Arc<Bell>,
    /// Of the bell.
    waker: Waker,
}

impl Driven {
    pub(super) fn new<E: 'static>(http: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        // Whoever waits for a response learns of an error; the end of an idle connection interests nobody.
        Self { http: Some(Box::pin(http.map(drop))), bell, waker }
    }

    /// Drives the connection until `look` finds what is waited for. `look` is asked with the connection's own waker: what it
    /// waits for comes from there.
    pub(super) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut look: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.attend();
        for _ in 0..TURNS {
            if let Poll::Ready(found) = look(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(found);
            }
            if !self.turn() && self.bell.leave_to(cx.waker()) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does what there is to do at this moment; `false`: nothing.
    pub(super) fn turn(&mut self) -> bool {
        if !self.bell.answer() {
            return false;
        }
        if let Some(http) = &mut self.http
            && http.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready()
        {
            self.http = None;
        }
        true
    }

    /// Forgets who drove it, for as long as nobody does.
    pub(super) fn rest(&self) {
        self.bell.left.lock().take();
    }

    /// Gives the connection a task of its own, for whoever will not drive it any more.
    pub(super) fn let_go(self) {
        if let Some(http) = self.http {
            tokio::spawn(http);
        }
    }
}

impl fmt::Debug for Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driven").field("over", &self.http.is_none()).finish_non_exhaustive()
    }
}

/// Somebody attends, and will ask before he leaves.
const ATTENDED: u8 = 0;
/// It has rung since it was last answered.
const RUNG: u8 = 1;
/// Nobody attends: the waker that was left is to be woken.
const LEFT: u8 = 2;

/// What a connection rings when it can go on.
#[derive(Debug)]
struct Bell {
    state: AtomicU8,
    left: Mutex<Option<Waker>>,
}

impl Default for Bell {
    /// Rung: a new connection wants to be driven.
    fn default() -> Self {
        Self { state: AtomicU8::new(RUNG), left: Mutex::new(None) }
    }
}

impl Bell {
    /// From now on nobody is woken.
    fn attend(&self) {
        let _ = self.state.compare_exchange(LEFT, ATTENDED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether it has rung.
    fn answer(&self) -> bool {
        self.state.compare_exchange(RUNG, ATTENDED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whoever attends goes, to be woken when it rings; `false`: it has rung already.
    fn leave_to(&self, waker: &Waker) -> bool {
        *self.left.lock() = Some(waker.clone());
        self.state.compare_exchange(ATTENDED, LEFT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, Ordering::AcqRel) == LEFT {
            let left = self.left.lock().take();
            if let Some(left) = left {
                left.wake();
            }
        }
    }
}

#[cfg(all(test, feature = "loom"))]
mod models;
