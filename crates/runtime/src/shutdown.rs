//! How a process learns that it has to end.

use tokio::signal::unix::{SignalKind, signal as unix_signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first SIGTERM or SIGINT.
///
/// What happens then (not ready, stop accepting, finish, end) is each program's own `drain`.
/// Call it inside a runtime.
///
/// # Panics
/// The signal handlers cannot be installed; without them a pod would be killed in the middle of its requests.
pub fn signal() -> CancellationToken {
    let token = CancellationToken::new();
    let mut terminate = unix_signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    let mut interrupt = unix_signal(SignalKind::interrupt()).expect("SIGINT can be handled");
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "told to end");
        cancelled.cancel();
    });
    token
}
