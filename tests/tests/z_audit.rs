//! What a wake costs the API server. Runs alone: it counts what our service accounts write.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::audit::{self, Call};
use e2e::cluster::Component;
use e2e::{App, Space, wait_for, with_namespace};
use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

/// A status that changes is written so long after the change at the earliest.
const TOLD_AFTER: SignedDuration = SignedDuration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_writes_one_scale_patch_and_nothing_else_before_the_answer() {
    let Some(log) = audit::path() else { return };
    with_namespace(async |space: Space| one_scale_patch(space, log).await).await;
}

async fn one_scale_patch(space: Space, log: String) -> Result<()> {
    let users = [Component::Operator, Component::Activator].map(|c| c.user(&space.cluster.system));
    // Awake for longer than is looked at, so that its way back to sleep does not count.
    let app = App::new("counted").asleep(&space).await?;
    App::new("counted").drowsy().ready(&space).await?;
    let target = space.target(&app).await?;
    wait_for("five seconds without a write", Duration::from_mins(1), || async {
        let now = Timestamp::now();
        let recent = audit::writes(&log, &users, now - SignedDuration::from_secs(5), now).await?;
        ensure!(recent.is_empty(), "{:?}", texts(&recent));
        Ok(())
    })
    .await?;

    let begin = Timestamp::now();
    let reply = target.get("/").await?.expect(200)?;
    let answered = Timestamp::now();
    ensure!(reply.header("todoapp-cold-start") == "true", "the app was awake");
    // What comes late counts too: this is the time that is looked at, not a wait for something to happen.
    sleep(Duration::from_secs(9)).await;
    let end = Timestamp::now();

    let mut until_answer = audit::writes(&log, &users, begin, answered).await?;
    // On a machine where a wake takes over a second, people are told that it is under way; no request waits for that.
    until_answer.retain(|c| !(c.kind().ends_with("/status") && c.request_received_timestamp >= begin + TOLD_AFTER));
    println!("answered after {:?}; until then: {:?}", reply.elapsed, texts(&until_answer));
    let scales = until_answer.iter().filter(|c| c.kind() == "deployments/scale" && c.verb == "patch").count();
    ensure!(scales == 1 && until_answer.len() == 1, "before the answer: {:?}", texts(&until_answer));

    let around = audit::writes(&log, &users, begin - SignedDuration::from_secs(1), end).await?;
    println!("in the ten seconds around: {:?}", texts(&around));
    let count = |kind: &str| around.iter().filter(|c| c.kind() == kind).count();
    let (apps, revisions) = (count("todoapps/status"), count("revisions/status"));
    ensure!(
        apps <= 2 && revisions <= 2,
        "{apps} writes of the app's status, {revisions} of its revision's: {:?}",
        texts(&around)
    );
    let other: Vec<&Call> = around
        .iter()
        .filter(|c| {
            !["deployments/scale", "todoapps/status", "revisions/status", "events"].contains(&c.kind().as_str())
        })
        .collect();
    ensure!(other.is_empty(), "{:?}", other.iter().map(|c| c.text()).collect::<Vec<_>>());
    ensure!(count("deployments/scale") == 1, "{:?}", texts(&around));
    Ok(())
}

fn texts(calls: &[Call]) -> Vec<String> {
    calls.iter().map(Call::text).collect()
}
