//! From nothing to two hundred requests at a time: a burst, which takes no pod back before it is over.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::app::sleeping;
use e2e::http::at_once;
use e2e::observe::Scale;
use e2e::{App, Space, decisions, with_namespace};
use serde_json::json;

const REQUESTS: usize = 200;
const PODS: i32 = 10;
/// A change is seen so long after it was decided.
const SEEN_LATE: Duration = Duration::from_millis(500);
/// A burst ends a whole window after load last asked for one.
const WINDOW: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_first_requests_begin_a_burst_that_keeps_its_pods_for_a_window() {
    with_namespace(async |space: Space| {
        let scaling = json!({ "target": 20, "utilizationPercent": 100, "max": PODS, "window": "10s" });
        let app = App::new("spike").scaling(&scaling).asleep(&space).await?;
        let scale = Scale::watch(&space, "spike").await?;
        let target = space.target(&app).await?;
        let mut slowest = Duration::ZERO;
        for reply in at_once(&target, "/?sleep=3000", REQUESTS).await {
            slowest = slowest.max(reply?.expect(200)?.elapsed);
        }
        let (history, told) = (scale.history(), decisions::of(&space, "spike").await?);
        println!("slowest of {REQUESTS}: {slowest:?}; pods wanted: {history:?}");
        ensure!(history.is_sorted() && history.last() == Some(&PODS), "{history:?}");
        let burst = told.iter().find(|decision| decision["record"]["burstOn"] == true);
        burst.with_context(|| format!("no burst among {told:#?}"))?;
        sleeping(&space, "spike").await?;
        ensure!(scale.history().into_iter().max() == Some(PODS), "{:?}", scale.history());
        ends_after_a_window(&scale)
    })
    .await;
}

/// No pod goes sooner than a window after the last one was asked for, though no request is left.
fn ends_after_a_window(scale: &Scale) -> Result<()> {
    let changes = scale.changes();
    let fewer = changes.windows(2).find(|pair| pair[1].1 < pair[0].1).context("it slept, so it was scaled in")?;
    let kept = fewer[1].0 - fewer[0].0;
    ensure!(kept + SEEN_LATE >= WINDOW, "ten pods were kept for {kept:?} only: {:?}", scale.history());
    Ok(())
}
