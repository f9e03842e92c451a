//! The lock of a revision.

use std::ops::{Deref, DerefMut};

use proxy::sync::MutexGuard;

use super::live::Live;

/// The lock, held. What is behind it exists only while there is something to know: most revisions sleep.
pub(super) struct Awake<'a>(MutexGuard<'a, Option<Box<Live>>>);

impl<'a> Awake<'a> {
    pub(super) fn of(mut live: MutexGuard<'a, Option<Box<Live>>>) -> Self {
        live.get_or_insert_default();
        Self(live)
    }
}

impl Deref for Awake<'_> {
    type Target = Live;

    fn deref(&self) -> &Live {
        self.0.as_ref().expect("made when the lock was taken")
    }
}

impl DerefMut for Awake<'_> {
    fn deref_mut(&mut self) -> &mut Live {
        self.0.as_mut().expect("made when the lock was taken")
    }
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        if self.rests() {
            *self.0 = None;
        }
    }
}
