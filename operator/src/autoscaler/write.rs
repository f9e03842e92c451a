//! Brings one Deployment to the scale that is wanted. One task a revision at a time; the newest number wins.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::Shared;

/// A write that takes longer has failed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// First and longest wait before the next try.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

/// Writes until what is wanted is written, the revision is gone or the term is over.
pub async fn bring(shared: Arc<Shared>, uid: Arc<str>) {
    let over = shared.over.clone();
    over.run_until_cancelled(write(&shared, &uid)).await;
}

async fn write(shared: &Arc<Shared>, uid: &str) {
    let mut failures = 0;
    while let Some(next) = shared.with(|core, now| core.next_write(now, uid)) {
        let begun = Instant::now();
        let answer = timeout(WRITE_TIMEOUT, shared.writer.scale(&next.namespace, &next.name, next.replicas)).await;
        let outcome = answer.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {WRITE_TIMEOUT:?}")));
        shared.metrics.wrote(outcome.is_ok(), begun.elapsed());
        match outcome {
            Ok(()) => {
                debug!(namespace = next.namespace, revision = next.name, replicas = next.replicas, "scaled");
                shared.with(|core, now| core.written(now, uid, next.replicas));
                failures = 0;
            }
            Err(error) => {
                warn!(namespace = next.namespace, revision = next.name, replicas = next.replicas, %error, "cannot scale");
                let part = rand::rng().random_range(0.5..1.0);
                sleep(backoff(failures, part)).await;
                failures += 1;
            }
        }
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
