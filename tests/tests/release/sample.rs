//! The todo sample: its user service released through a gray window that hardly anybody uses, then a bad version.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::image;
use e2e::command::run_with_input;
use e2e::http::Target;
use e2e::trickle::Trickle;
use e2e::{Cluster, Space, app, wait_for, with_namespace};
use tokio::time::Instant;

use super::{has_share, promoted, watch_shares};

/// `kubectl apply` of a file of the sample, with the images of this run.
async fn apply(space: &Space, file: &str) -> Result<()> {
    let path = format!("{}/../samples/todo/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let text = text.replace("todoapp.local/todo-user:0.1.0", &image("todo-user"));
    run_with_input("kubectl", &["apply", "-n", &space.name, "-f", "-"], &text).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_released_through_its_gray_window_and_a_bad_version_withdrawn() {
    // Its user service is for the cluster alone.
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        apply(&space, "user-v1.yaml").await?;
        promoted(&space, "user", "True", Duration::from_mins(1)).await?;
        app::sleeping(&space, "user").await?;
        let target = Target::at(space.address("user").await?);
        good(&space, &target).await?;
        bad(&space, &target).await
    })
    .await;
}

/// Version 2, while somebody asks every five seconds.
async fn good(space: &Space, target: &Target) -> Result<()> {
    let shares = watch_shares(space, "user");
    let trickle = Trickle::start(target.clone(), "/", Duration::from_secs(5));
    apply(space, "user-v2-gray.yaml").await?;
    has_share(space, "user", "user-v2", 25).await?;
    let begin = Instant::now();
    let (reason, message) = promoted(space, "user", "True", Duration::from_mins(5)).await?;
    let window = begin.elapsed();
    ensure!(reason == "Succeeded" && message.contains("'user-v2'"), "{reason}: {message}");
    ensure!(window >= Duration::from_secs(115), "promoted after {window:?} of a window of two minutes");
    let seen: Vec<u32> = shares.lock().iter().filter(|(revision, _)| revision == "user-v2").map(|(_, p)| *p).collect();
    ensure!(seen == [25, 50] || seen == [0, 25, 50], "shares {seen:?}");
    let replies = trickle.finish().await?;
    let second = replies.iter().filter(|reply| reply.body.contains("粤秦D")).count();
    println!(
        "v2 promoted after {:.0} s: {second} of {} requests were its, none lost",
        window.as_secs_f64(),
        replies.len()
    );
    ensure!(second > 0 && second < replies.len(), "{second} of {}", replies.len());
    Ok(())
}

/// Version 3, of which every fifth answer is an error, while twenty ask each second.
async fn bad(space: &Space, target: &Target) -> Result<()> {
    let load = tokio::spawn(load(target.clone(), Duration::from_millis(50), Duration::from_secs(40)));
    apply(space, "user-v3-bad.yaml").await?;
    let (reason, message) = promoted(space, "user", "False", Duration::from_mins(1)).await?;
    ensure!(reason == "CheckFailed" && message.contains("maxErrorRate"), "{reason}: {message}");
    let replies = load.await??;
    let third = |reply: &&(u16, String)| reply.0 == 500 || reply.1.contains("粤秦E");
    let (all, met) = (replies.len(), replies.iter().filter(third).count());
    let failed = replies.iter().filter(|(status, _)| *status != 200).count();
    println!("v3 withdrawn: {met} of {all} requests were its, {failed} failed; {message}");
    ensure!(failed > 0, "nothing failed");
    ensure!(met * 100 <= all * 26, "{met} of {all} requests met a version that never had more than 25 %");
    ensure!(failed * 5 <= met + 10, "{failed} failures of {met}: every fifth is the version's own");
    let tail = &replies[all - all / 5..];
    ensure!(!tail.iter().any(|r| third(&r)), "withdrawn, it still gets requests");
    wait_for("user-v3 asleep", Duration::from_mins(1), || async {
        let pods = e2e::observe::pods(space, "user").await?;
        let left = pods.iter().filter(|p| p.metadata.name.as_deref().is_some_and(|n| n.starts_with("user-v3"))).count();
        ensure!(left == 0, "{left} pods");
        Ok(())
    })
    .await
}

/// Status and body of one GET each `pause`.
async fn load(target: Target, pause: Duration, time: Duration) -> Result<Vec<(u16, String)>> {
    let (begin, mut open) = (Instant::now(), Vec::new());
    while begin.elapsed() < time {
        let target = target.clone();
        open.push(tokio::spawn(async move { target.get("/").await }));
        tokio::time::sleep(pause).await;
    }
    let mut replies = Vec::new();
    for request in open {
        let reply = request.await??;
        replies.push((reply.status, reply.body));
    }
    Ok(replies)
}
