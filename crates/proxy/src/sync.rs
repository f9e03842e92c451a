//! The locks and atomics of what is modelled: with feature `loom` those of loom, which tries every interleaving of the
//! code that uses them; otherwise the ordinary ones. Nothing but the models enables the feature.

#[cfg(not(feature = "loom"))]
pub use {
    parking_lot::{Mutex, MutexGuard},
    std::sync::atomic,
};

#[cfg(feature = "loom")]
pub use {
    loom::sync::{MutexGuard, atomic},
    modelled::Mutex,
};

#[cfg(feature = "loom")]
mod modelled {
    /// Loom's mutex, with `lock` as `parking_lot` has it.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// An open lock around `value`.
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        #[track_caller]
        pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().expect("loom ends the model at the first panic")
        }
    }
}
