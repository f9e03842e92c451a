//! Brings one Deployment to the scale that is wanted. One task a revision at a time; the newest number wins.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rand::RngExt;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::Shared;
use super::core::Write;

/// A write that takes longer has failed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// A scale-in does not wait longer than this for deletion costs.
const MARK_WAIT: Duration = Duration::from_secs(1);
/// Deletion costs that are written beside each other.
const MARKS_AT_ONCE: usize = 8;
/// First and longest wait before the next try.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

/// Writes until what is wanted is written, the revision is gone or the term is over.
pub async fn bring(shared: Arc<Shared>, uid: Arc<str>) {
    let over = shared.over.clone();
    over.run_until_cancelled(write(&shared, &uid)).await;
}

async fn write(shared: &Arc<Shared>, uid: &str) {
    let next = || shared.with(|core, now| core.next_write(now, uid));
    let mut failures = 0;
    let mut pending = next();
    while let Some(write) = pending {
        if write.scale_in {
            choose(shared, uid, &write).await;
            // Time has passed: something else may be wanted by now.
            pending = next();
            if pending.as_ref() != Some(&write) {
                continue;
            }
        }
        failures = if scale(shared, uid, &write).await { 0 } else { failures + 1 };
        if failures > 0 {
            let part = rand::rng().random_range(0.5..1.0);
            sleep(backoff(failures - 1, part)).await;
        }
        pending = next();
    }
}

/// Whether the scale was written.
async fn scale(shared: &Arc<Shared>, uid: &str, next: &Write) -> bool {
    let Write { namespace, name, replicas, .. } = next;
    let begun = Instant::now();
    let answer = timeout(WRITE_TIMEOUT, shared.writer.scale(namespace, name, *replicas)).await;
    let outcome = answer.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {WRITE_TIMEOUT:?}")));
    shared.metrics.wrote(outcome.is_ok(), begun.elapsed());
    match &outcome {
        Ok(()) => {
            debug!(namespace, revision = name, replicas, "scaled");
            shared.with(|core, now| core.written(now, uid, *replicas));
        }
        Err(error) => warn!(namespace, revision = name, replicas, %error, "cannot scale"),
    }
    outcome.is_ok()
}

/// Has a pod that has served its time replaced. It says so again if this fails.
pub async fn replace(shared: Arc<Shared>, uid: Arc<str>, pod: String) {
    let deletion = shared.over.run_until_cancelled(timeout(WRITE_TIMEOUT, shared.writer.delete(&uid, &pod)));
    if let Some(Ok(Err(error))) = deletion.await {
        warn!(pod, %error, "cannot be replaced");
    }
}

/// Sees to it that the least busy pods go. What fails is left: a scale-in does not wait for it.
async fn choose(shared: &Arc<Shared>, uid: &str, next: &Write) {
    let pods = shared.writer.pods(uid);
    let marks = shared.with(|core, _| core.marks(uid, next.replicas, &pods));
    let answered = AtomicUsize::new(0);
    let all = stream::iter(&marks).for_each_concurrent(MARKS_AT_ONCE, async |mark| {
        let outcome = shared.writer.mark(&next.namespace, mark).await;
        answered.fetch_add(1, Ordering::Relaxed);
        shared.metrics.marked(if outcome.is_ok() { "ok" } else { "error" }, 1);
        if let Err(error) = outcome {
            debug!(namespace = next.namespace, pod = mark.pod, %error, "its deletion cost is not written");
        }
    });
    if timeout(MARK_WAIT, all).await.is_err() {
        shared.metrics.marked("late", marks.len() - answered.load(Ordering::Relaxed));
    }
}

/// Doubles with each failure in a row; `part` of it, so that many do not come back together.
fn backoff(failures: u32, part: f64) -> Duration {
    let [first, longest] = BACKOFF;
    first.saturating_mul(1 << failures.min(16)).min(longest).mul_f64(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let waits = [0, 1, 3, 10, 90].map(|failures| backoff(failures, 1.0).as_millis());
        assert_eq!(waits, [50, 100, 400, 5000, 5000]);
        assert_eq!(backoff(0, 0.5).as_millis(), 25);
    }
}
