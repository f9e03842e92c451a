//! From nothing to two hundred requests at a time: a burst, which takes no pod back before it is over.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::app::sleeping;
use e2e::http::at_once;
use e2e::observe::Scale;
use e2e::{App, Space, decisions, with_namespace};
use serde_json::{Value, json};
use tokio::time::sleep;

const REQUESTS: usize = 200;
const PODS: i32 = 10;
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
        // No request is left, and none comes.
        sleep(WINDOW / 2).await;
        let (history, told) = (scale.history(), decisions::of(&space, "spike").await?);
        println!("slowest of {REQUESTS}: {slowest:?}; pods wanted: {history:?}");
        ensure!(history.last() == Some(&PODS), "pods were taken back within the window: {history:?}");
        ensure!(scale.history().iter().all(|pods| *pods <= PODS), "{history:?}");
        let burst = told.iter().find(|decision| decision["record"]["burstOn"] == true);
        burst.with_context(|| format!("no burst among {told:#?}"))?;
        sleeping(&space, "spike").await?;
        ends_after_a_window(&told, &scale)
    })
    .await;
}

/// The first pods that go do so no sooner than a window after the last decision that saw more than they carry.
fn ends_after_a_window(told: &[Value], scale: &Scale) -> Result<()> {
    let changes = scale.changes();
    let fewer = changes.windows(2).find(|pair| pair[1].1 < pair[0].1).context("it slept, so it was scaled in")?;
    let kept = fewer[1].0 - fewer[0].0;
    ensure!(kept >= WINDOW, "ten pods were kept for {kept:?} only: {told:#?}");
    Ok(())
}
