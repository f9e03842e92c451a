//! Waiting for something to become true.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep, timeout};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` succeeds and gives what it found; its errors mean "not yet" and the last one is told at the end
/// of `limit`.
pub async fn wait_for<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let end = Instant::now() + limit;
    let mut last = "nothing seen".to_owned();
    loop {
        match timeout(limit, look()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = format!("{error:#}"),
            Err(_) => {}
        }
        if Instant::now() >= end {
            bail!("waited {limit:?} for: {what}; last seen: {last}");
        }
        sleep(PAUSE).await;
    }
}
