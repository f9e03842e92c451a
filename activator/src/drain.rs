//! The end: not ready, go on for a while, finish what is there.

use std::time::Duration;

use runtime::admin::Readiness;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// From "not ready" to the end of accepting: Services and the operator's slices need this long to leave us out.
const STILL_ACCEPTING: Duration = Duration::from_secs(5);

/// Ends all listeners that are in `serving` and listen to `listeners`. Requests that run or are held finish, for as
/// long as the `longest` request may take. Gives whether all of them did.
pub(crate) async fn drain(
    ready: &Readiness,
    listeners: &CancellationToken,
    serving: &mut JoinSet<()>,
    longest: impl Fn() -> Duration,
) -> bool {
    ready.set(false);
    sleep(STILL_ACCEPTING).await;
    listeners.cancel();
    let over = async { while serving.join_next().await.is_some() {} };
    timeout(longest(), over).await.is_ok()
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    async fn drained(work: Duration) -> (bool, Duration) {
        let ready = Readiness::default();
        ready.set(true);
        let (listeners, mut serving) = (CancellationToken::new(), JoinSet::new());
        let end = listeners.clone();
        serving.spawn(async move {
            end.cancelled().await;
            sleep(work).await;
        });
        let start = Instant::now();
        let task = drain(&ready, &listeners, &mut serving, || Duration::from_mins(5));
        let all = task.await;
        assert!(!ready.get());
        (all, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn accepts_for_five_seconds_and_then_finishes() {
        assert_eq!(drained(Duration::from_secs(7)).await, (true, Duration::from_secs(12)));
    }

    #[tokio::test(start_paused = true)]
    async fn not_longer_than_the_longest_request() {
        assert_eq!(drained(Duration::from_mins(15)).await, (false, Duration::from_secs(305)));
    }
}
