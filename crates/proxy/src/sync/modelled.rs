//! What the models use: loom's locks, and how a model is run.

use loom::thread::JoinHandle;

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

/// Runs `check` in every interleaving with so many preemptions, or `LOOM_MAX_PREEMPTIONS`. A thread that waits for ever
/// ends it as a deadlock.
pub fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(check);
}

/// Waits for all of the threads.
pub fn join<T: 'static, const N: usize>(threads: [JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().expect("loom ends the model at the first panic"))
}
