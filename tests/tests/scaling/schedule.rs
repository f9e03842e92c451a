//! A schedule: its pods are ready when the window opens, stay while it is open though nobody calls, and go after it.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::app::sleeping;
use e2e::decisions;
use e2e::observe::{Scale, ready_pods};
use e2e::{App, Space, wait_for, with_namespace};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// From the edit until the window opens: longer than pods are asked for ahead.
const TO_START: SignedDuration = SignedDuration::from_secs(40);
/// Longer than the app would stay awake without a request.
const OPEN: SignedDuration = SignedDuration::from_secs(25);
/// What is assumed of a revision whose starts were not seen, a tick, and a second for this machine.
const AHEAD_MAX: Duration = Duration::from_secs(13);

#[tokio::test(flavor = "multi_thread")]
async fn pods_are_ready_when_the_window_opens_and_go_after_it() {
    with_namespace(async |space: Space| {
        let app = App::new("timed");
        app.clone().asleep(&space).await?;
        let scale = Scale::watch(&space, "timed").await?;
        let now = Timestamp::from_second(Timestamp::now().as_second())?;
        let [start, end] = [now + TO_START, now + TO_START + OPEN];
        let [from, until] = [start, end].map(|time| time.strftime("%T").to_string());
        let schedule = json!({ "start": from, "end": until, "min": 2 });
        let applied = app.scaling(&json!({ "schedules": [schedule] })).apply(&space).await?;

        wait_for("two pods ready", left(start), || async {
            let ready = ready_pods(&space, "timed").await?.len();
            ensure!(ready == 2, "{ready} of 2 pods ready, {:?} before the window", left(start));
            Ok(())
        })
        .await?;
        let opens = Instant::now() + left(start);
        let asked = opens - scale.changes().last().map_or(opens, |change| change.0);
        ensure!(asked <= AHEAD_MAX, "asked for {asked:?} before the window");
        explained(&space, &format!("schedule min 2, max 10 → 2 (schedule {from}–{until} UTC)")).await?;

        sleep(left(start)).await;
        let reply = space.target(&applied).await?.get("/").await?.expect(200)?;
        ensure!(reply.header("todoapp-cold-start") != "true", "{:?}", reply.headers);
        let closes = Instant::now() + left(end);
        sleep(left(end)).await;
        sleeping(&space, "timed").await?;
        println!("asked for {asked:?} before the window; {:?}", scale.history());
        let changes = scale.changes();
        ensure!(scale.history()[..2] == [0, 2], "{:?}", scale.history());
        ensure!(changes[2].0 + Duration::from_secs(1) > closes, "{:?} before its end", closes - changes[2].0);
        Ok(())
    })
    .await;
}

/// Time until then; none when it has passed.
fn left(time: Timestamp) -> Duration {
    time.duration_since(Timestamp::now()).try_into().unwrap_or_default()
}

/// The last decision says why there are pods that nobody asked for.
async fn explained(space: &Space, end: &str) -> Result<()> {
    wait_for("a decision by schedule", Duration::from_secs(5), || async {
        let told = decisions::of(space, "timed").await?;
        let text = told.last().and_then(|decision| decision["text"].as_str()).unwrap_or_default();
        ensure!(text.ends_with(end), "{text}");
        Ok(())
    })
    .await
}
