//! The time of day: the system's in production, handed in otherwise.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// A wall clock. It may jump, forwards and back; how long something took is for tokio's clock to say. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// One that shows what `read` gives.
    pub fn new(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn it_shows_what_is_handed_in_also_when_that_jumps_back() {
        let shown = Arc::new(AtomicI64::new(100));
        let source = shown.clone();
        let read = move || Timestamp::from_second(source.load(Ordering::Relaxed)).expect("in range");
        let clock = Clock::new(read);
        let copy = clock.clone();
        assert_eq!(clock.now().as_second(), 100);
        shown.store(40, Ordering::Relaxed);
        assert_eq!((clock.now().as_second(), copy.now().as_second()), (40, 40));
    }
}
