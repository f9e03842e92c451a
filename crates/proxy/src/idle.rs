//! How long nothing has moved.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// What moves says so here; who waits for the end of it learns when nothing has moved for a span. Cheap to clone;
/// clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Idle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    span: Duration,
    begun: Instant,
    /// When something last moved, in microseconds since the beginning.
    moved: AtomicU64,
}

impl Idle {
    /// Begins now.
    pub(crate) fn new(span: Duration) -> Self {
        Self(Arc::new(Shared { span, begun: Instant::now(), moved: AtomicU64::new(0) }))
    }

    pub(crate) fn moved(&self) {
        let micros = u64::try_from(self.0.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.moved.store(micros, Ordering::Relaxed);
    }

    /// When the span is over if nothing moves until then.
    pub(crate) fn until(&self) -> Instant {
        self.0.begun + Duration::from_micros(self.0.moved.load(Ordering::Relaxed)) + self.0.span
    }

    /// Ends when nothing has moved for the span.
    pub(crate) async fn over(&self) {
        let mut sleep: std::pin::Pin<Box<Sleep>> = Box::pin(sleep_until(self.until()));
        loop {
            sleep.as_mut().await;
            let until = self.until();
            if until <= Instant::now() {
                return;
            }
            sleep.as_mut().reset(until);
        }
    }
}
