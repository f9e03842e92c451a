//! The locks and atomics of what is modelled: with feature `loom` those of loom, which tries every interleaving of the
//! code that uses them; otherwise the ordinary ones. Nothing but the models enables the feature.

#[cfg(feature = "loom")]
mod modelled;

#[cfg(not(feature = "loom"))]
pub use {
    parking_lot::{Mutex, MutexGuard},
    std::sync::atomic,
};

#[cfg(feature = "loom")]
pub use {
    self::modelled::{Mutex, join, model},
    loom::sync::{MutexGuard, atomic},
};
