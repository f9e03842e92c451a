//! The hub: where activators and queue-proxies dial in to the leader.
//!
//! Owns the listener, the proof of identity and the bounds of every stream; what is said on a stream goes to the
//! autoscaler, but for what revisions did for users (`outcomes`). Each stream is a task of its own: one that is slow or
//! half open holds up nobody else and is closed.
//!
//! ```text
//! accept ─▶ Challenge ─▶ Hello ─▶ proof ─▶ seat ─┬─ Up frames ─▶ autoscaler
//!    │ at most so many            │ 5 s          └─ queue ─▶ Down frames; full or 5 s stuck: closed
//!    └─ else closed               └─ else closed
//! ```

mod identity;
mod stream;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use proxy::net::{Accept, Accepted, Io};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::autoscaler::Autoscaler;
use crate::outcomes::Outcomes;

#[cfg(fuzzing)]
pub use identity::verify;

/// Most streams at a time.
const STREAMS_MAX: usize = 16_384;
/// Most streams at a time that have not proved themselves.
const UNPROVEN_MAX: usize = 256;
/// Wait after a failed accept, such as when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the cluster says about those who dial in.
pub trait Verifier: Send + Sync {
    /// The key that queue-proxies of the revision with this UID are given; none if there is no such revision.
    fn revision_key(&self, uid: &str) -> Option<[u8; 32]>;
    /// Whether an `EndpointSlice` of that revision has this address.
    fn confirms(&self, uid: &str, address: SocketAddr) -> bool;
    /// Whether the token is an activator's; an error when nobody could say.
    fn activator<'a>(&'a self, token: &'a str) -> BoxFuture<'a, anyhow::Result<bool>>;
}

/// Whom what is said on a stream goes to.
#[derive(Clone)]
struct Ears {
    autoscaler: Autoscaler,
    outcomes: Outcomes,
}

/// Serves until `shutdown`, then closes every stream; dropped, it closes them as well.
pub async fn serve(listener: impl Accept, autoscaler: Autoscaler, outcomes: Outcomes, shutdown: CancellationToken) {
    let open = shutdown.child_token();
    let _closes = open.clone().drop_guard();
    let streams = Arc::new(Semaphore::new(STREAMS_MAX));
    let unproven = Arc::new(Semaphore::new(UNPROVEN_MAX));
    let tasks = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let Accepted { io, peer, .. } = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "cannot accept");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (Ok(place), Ok(door)) =
            (Arc::clone(&streams).try_acquire_owned(), Arc::clone(&unproven).try_acquire_owned())
        else {
            autoscaler.metrics().rejected("full").inc();
            continue;
        };
        let ears = Ears { autoscaler: autoscaler.clone(), outcomes: outcomes.clone() };
        tasks.spawn(attend(io, peer, ears, open.child_token(), place, door));
    }
    tasks.close();
    tasks.wait().await;
}

async fn attend(
    stream: impl Io,
    from: SocketAddr,
    ears: Ears,
    close: CancellationToken,
    _place: OwnedSemaphorePermit,
    door: OwnedSemaphorePermit,
) {
    stream::attend(stream, from, &ears, close, door).await;
}
