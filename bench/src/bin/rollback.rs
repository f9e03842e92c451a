//! Rollbacks: from the word of a person until no activator sends another request to the version that is withdrawn.
//!
//! Each activator is asked without a pause, one request after the other, while half of the answers are the new
//! version's; the bound is a bare watch of the same object, which hears of the status as the activators do.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::TodoApp;
use bench::{HEAD, PROMISES, Sample, promise};
use clap::Parser;
use e2e::cluster::{Component, pod_address};
use e2e::http::Target;
use e2e::namespace::in_new_namespace;
use e2e::{App, Space, wait_for};
use futures_util::StreamExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Name of the app.
const APP: &str = "flip";
/// How long after the word the activators are still asked.
const AFTER: Duration = Duration::from_secs(2);

#[derive(Parser, Clone, Copy)]
#[command(about = "Measures rollbacks")]
struct Args {
    /// Rollbacks.
    #[arg(long, default_value_t = 30)]
    rollbacks: usize,
    /// The whole may take so many seconds.
    #[arg(long, default_value_t = 600)]
    limit_seconds: u64,
}

/// What was measured, from the word of a person on.
#[derive(Default)]
struct Figures {
    seen: Sample,
    one: Sample,
    all: Sample,
    /// From the status on.
    after: Sample,
    requests: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    bench::exit(run(Args::parse()).await)
}

async fn run(args: Args) -> Result<()> {
    let work = in_new_namespace(async move |space: Space| {
        let targets = open(&space).await?;
        let percents = watch(&space);
        let mut figures = Figures::default();
        for turn in 0..args.rollbacks {
            rollback(&space, &targets, &percents, turn, &mut figures).await?;
        }
        report(&figures, targets.len());
        Ok(())
    });
    timeout(Duration::from_secs(args.limit_seconds), work).await.context("over the limit")?
}

/// An app in the first step of a release, and each activator's own way to it.
async fn open(space: &Space) -> Result<Vec<Target>> {
    let rollout = json!({ "strategy": "Gradual", "window": "24h", "steps": [50] });
    let version = |v: &str| {
        App::new(APP).drowsy().revision(&format!("{APP}-{v}")).env("VERSION", v).field("rollout", rollout.clone())
    };
    version("v1").ready(space).await?;
    let app = version("v2").ready(space).await?;
    let host = e2e::app::host(&app)?;
    let activators = space.cluster.pods(Component::Activator).await?;
    activators.iter().map(|pod| Ok(Target::named(pod_address(pod, 8080)?, &host))).collect()
}

/// Shares of the candidate with the moments at which a bare watch heard of them.
type Percents = Arc<Mutex<Vec<(Instant, u32)>>>;

fn watch(space: &Space) -> Percents {
    let percents = Percents::default();
    let (noted, api): (_, Api<TodoApp>) = (Arc::clone(&percents), space.api());
    tokio::spawn(async move {
        let config = watcher::Config::default().fields(&format!("metadata.name={APP}"));
        let mut changes = watcher(api, config).default_backoff().applied_objects().boxed();
        while let Some(change) = changes.next().await {
            let rollout = change.ok().and_then(|app| app.status).and_then(|status| status.rollout);
            noted.lock().push((Instant::now(), rollout.map_or(0, |rollout| rollout.percent)));
        }
    });
    percents
}

/// Waits until both versions answer everywhere, withdraws the second, and lets it begin anew.
async fn rollback(
    space: &Space,
    targets: &[Target],
    percents: &Percents,
    turn: usize,
    figures: &mut Figures,
) -> Result<()> {
    for target in targets {
        wait_for("both versions at each activator", Duration::from_secs(30), || async {
            let both = [target.get("/who").await?.body, target.get("/who").await?.body];
            ensure!(both.iter().any(|body| body.trim().ends_with("v2")), "{both:?}");
            Ok(())
        })
        .await?;
    }
    let stop = CancellationToken::new();
    let asking: Vec<_> = targets.iter().map(|target| tokio::spawn(ask(target.clone(), stop.clone()))).collect();
    sleep(Duration::from_millis(200)).await;
    let word = Instant::now();
    act(space, "Abort", &format!("abort-{turn}")).await?;
    sleep(AFTER).await;
    stop.cancel();
    let heard = percents.lock().iter().find(|(at, percent)| *at > word && *percent == 0).map(|(at, _)| *at);
    let heard = heard.context("the watch did not hear of it")?;
    let mut last = word;
    for asked in asking {
        let (requests, withdrawn) = asked.await??;
        figures.requests += requests;
        figures.one.push(withdrawn.saturating_duration_since(word));
        last = last.max(withdrawn);
    }
    figures.seen.push(heard - word);
    figures.all.push(last - word);
    figures.after.push(last.saturating_duration_since(heard));
    act(space, "Resume", &format!("resume-{turn}")).await
}

/// Asks until told to stop; gives how often, and when the last answer of the second version came.
async fn ask(target: Target, stop: CancellationToken) -> Result<(usize, Instant)> {
    let (mut requests, mut last) = (0, Instant::now());
    while !stop.is_cancelled() {
        let reply = target.get("/who").await?.expect(200)?;
        requests += 1;
        if reply.body.trim().ends_with("v2") {
            last = Instant::now();
        }
    }
    Ok((requests, last))
}

async fn act(space: &Space, kind: &str, token: &str) -> Result<()> {
    let patch = json!({ "spec": { "rollout": { "action": { "type": kind, "token": token } } } });
    space.api::<TodoApp>().patch(APP, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(())
}

fn report(figures: &Figures, activators: usize) {
    println!(
        "## Rollback\n\nA version with half of the requests is withdrawn by a person; {activators} activators, each asked"
    );
    println!("without a pause ({} requests, none lost).\n\n{HEAD}", figures.requests);
    println!("{}", figures.seen.row("action sent → a bare watch hears of the status (the bound)"));
    println!("{}", figures.one.row("action sent → last answer of the withdrawn version, each activator"));
    println!("{}", figures.all.row("action sent → last answer of the withdrawn version anywhere"));
    println!("{}", figures.after.row("status → last answer of the withdrawn version anywhere"));
    let ms = |sample: &Sample, share| sample.quantile(share).as_secs_f64() * 1000.0;
    println!("\nLast answer anywhere ÷ bound at p50: {:.3}.", ms(&figures.all, 0.5) / ms(&figures.seen, 0.5));
    println!("\n### Promises\n\n{PROMISES}");
    println!("{}", promise("status → every activator, longest", ms(&figures.after, 1.0), 1000.0, "ms"));
}
