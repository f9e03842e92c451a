//! First requests to sleeping apps, one at a time: how long they take and where the time goes.
//!
//! The phases come from the API server's audit log and from the clock that the test application puts into its answers;
//! both are on the same machine as this program, so this is for the project's own node.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::labels::{APP, SIDECAR_CONTAINER};
use bench::floor::{Bound, Floor};
use bench::moments::{Moments, PHASES, between};
use bench::{HEAD, PROMISES, Sample, millis, promise};
use clap::Parser;
use e2e::app::sleeping;
use e2e::audit::{self, Call};
use e2e::cluster::Component;
use e2e::http::Target;
use e2e::namespace::in_new_namespace;
use e2e::{App, Space, command, diagnosis, wait_for};
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

/// The slow app listens so long after its start, when the sidecar has long been running.
const SLOW_MS: u64 = 500;
/// Promised of first requests at p99. One that takes longer, beside what its app does to listen, tells its story on
/// standard error.
const PROMISED_MS: u64 = 600;
/// A container's log can be had so long after its start at the latest.
const TOLD_MAX: Duration = Duration::from_secs(5);

#[derive(Parser, Clone, Copy)]
#[command(about = "Measures first requests to sleeping apps")]
struct Args {
    /// Cold starts of an app that listens at once.
    #[arg(long, default_value_t = 100)]
    starts: usize,
    /// Cold starts of an app that takes 500 ms to listen.
    #[arg(long, default_value_t = 30)]
    slow_starts: usize,
    /// Apps that are woken one after the other before all of them fall asleep again.
    #[arg(long, default_value_t = 10)]
    apps: usize,
    /// The whole may take so many seconds.
    #[arg(long, default_value_t = 900)]
    limit_seconds: u64,
}

/// One cold start.
struct Start {
    name: String,
    moments: Moments,
}

#[tokio::main]
async fn main() -> ExitCode {
    bench::exit(run(Args::parse()).await)
}

async fn run(args: Args) -> Result<()> {
    let log = audit::path().context("no audit log")?;
    let work = in_new_namespace(async move |space: Space| {
        let mut floor = Bound::default();
        let quick = measure(&space, "quick", 0, args.starts, args.apps, Some(&mut floor)).await?;
        let slow = measure(&space, "slow", SLOW_MS, args.slow_starts, args.apps / 2, None).await?;
        report(&phases(&space, &log, &quick).await?, &phases(&space, &log, &slow).await?, &floor);
        Ok(())
    });
    timeout(Duration::from_secs(args.limit_seconds), work).await.context("over the limit")?
}

/// Rounds of starts, each begun when all apps are asleep and over before the first of them goes to sleep again: so no
/// other pod starts or ends while one is measured. Rounds of the floor alternate with ours.
async fn measure(
    space: &Space,
    prefix: &str,
    delay_ms: u64,
    count: usize,
    apps: usize,
    mut floor: Option<&mut Bound>,
) -> Result<Vec<Start>> {
    let mut targets = Vec::new();
    for index in 0..apps {
        let name = format!("{prefix}-{index}");
        let app = App::new(&name).env("START_DELAY_MS", delay_ms.to_string()).ready(space).await?;
        targets.push((space.target(&app).await?, name));
    }
    let bare = match floor {
        Some(_) => Some(Floor::copy(space, &format!("{prefix}-0-00001"), apps).await?),
        None => None,
    };
    let mut starts = Vec::new();
    while starts.len() < count {
        for (_, name) in &targets {
            sleeping(space, name).await?;
        }
        let round = apps.min(count - starts.len());
        for (target, name) in targets.iter().take(round) {
            let start = one_start(target, name).await?;
            if start.moments.phases()[0] > Duration::from_millis(PROMISED_MS + delay_ms) {
                tell(space, &start).await;
            }
            starts.push(start);
        }
        if let (Some(bare), Some(bound)) = (&bare, &mut floor) {
            for (_, name) in &targets {
                sleeping(space, name).await?;
            }
            bare.round(round, bound).await?;
        }
    }
    Ok(starts)
}

async fn one_start(target: &Target, name: &str) -> Result<Start> {
    let sent = Timestamp::now();
    let reply = target.get("/").await?.expect(200)?;
    let answered = Timestamp::now();
    ensure!(reply.header("todoapp-cold-start") == "true", "{name} was awake: {reply:?}");
    let moments = Moments::told(sent, answered, |field| reply.header(field))?.of_first()?;
    Ok(Start { name: name.to_owned(), moments })
}

/// Where the time of one start went, and what its sidecar and the activators say of it.
async fn tell(space: &Space, start: &Start) {
    eprintln!("{} at {}:", start.name, start.moments.sent);
    for (phase, took) in PHASES.iter().zip(start.moments.phases()) {
        eprintln!("  {phase}: {} ms", millis(took));
    }
    let app = format!("{APP}={}", start.name);
    let arguments = ["-n", &space.name, "logs", "-l", &app, "-c", SIDECAR_CONTAINER, "--timestamps", "--tail=20"];
    // The kubelet tells of a container a moment after it serves, and until then there is no log of it.
    let sidecar = wait_for("the sidecar's log", TOLD_MAX, || command::run("kubectl", &arguments)).await;
    eprintln!("{}", sidecar.unwrap_or_else(|error| format!("{error:#}")));
    let revision = format!("{}-00001", start.name);
    eprintln!("{}", diagnosis::logs(&space.cluster, &revision, Component::Activator).await);
}

/// Names of the phases, in the order of [`phases`].
const NAMES: [&str; 6] = [
    PHASES[0],
    "request sent → scale PATCH at the API server",
    "scale PATCH → answered by the API server",
    "scale PATCH → process of the app runs",
    PHASES[3],
    PHASES[4],
];

async fn phases(space: &Space, log: &str, starts: &[Start]) -> Result<[Sample; 6]> {
    let first = starts.iter().map(|s| s.moments.sent).min().context("no start")?;
    let last = starts.iter().map(|s| s.moments.answered).max().context("no start")?;
    let users = [Component::Operator.user(&space.cluster.system)];
    let calls = audit::writes(log, &users, first, last + SignedDuration::from_secs(1)).await?;
    let mut phases: [Sample; 6] = Default::default();
    for start in starts {
        let mut scales = calls.iter().filter(|c| c.kind() == "deployments/scale");
        let scale =
            scales.find(|c| of(c, space, start)).with_context(|| format!("no scale PATCH for {}", start.name))?;
        let (begun, done) = (scale.request_received_timestamp, scale.stage_timestamp);
        let [whole, .., released, answered] = start.moments.phases();
        let steps = [
            whole,
            between(start.moments.sent, begun),
            between(begun, done),
            between(begun, start.moments.process),
            released,
            answered,
        ];
        for (sample, step) in phases.iter_mut().zip(steps) {
            sample.push(step);
        }
    }
    Ok(phases)
}

fn report(quick: &[Sample; 6], slow: &[Sample; 6], Bound([app, both]): &Bound) {
    println!("## Cold start\n\nFirst requests to sleeping apps, one at a time, image on the node.");
    for (title, phases) in
        [("An app that listens at once", quick), ("An app that listens 500 ms after its start", slow)]
    {
        println!("\n### {title}\n\n{HEAD}");
        for (name, sample) in NAMES.iter().zip(phases) {
            println!("{}", sample.row(name));
        }
    }
    println!("\n### The bound: the same pods without ours in them, in the same run\n\n{HEAD}");
    println!("{}", app.row("scale PATCH → the app's container of a bare Deployment listens"));
    println!("{}", both.row("scale PATCH → both containers listen"));
    let ms = |sample: &Sample, share| sample.quantile(share).as_secs_f64() * 1000.0;
    let ratio = |share| ms(&quick[0], share) / ms(both, share);
    println!("\nFirst request ÷ bound: {:.3} at p50, {:.3} at p99.", ratio(0.5), ratio(0.99));
    println!("\n### Promises\n\n{PROMISES}");
    println!("{}", promise("first request, p50", ms(&quick[0], 0.5), 250.0, "ms"));
    println!("{}", promise("first request, p99", ms(&quick[0], 0.99), PROMISED_MS as f64, "ms"));
    println!("{}", promise("request in → scale written, p99", ms(&quick[1], 0.99), 5.0, "ms"));
    // Of the slow app: a quick one listens before its sidecar runs, and that wait is the kubelet's.
    println!("{}", promise("app listening → request released, p99", ms(&slow[4], 0.99), 3.0, "ms"));
}

/// Whether this is the PATCH that woke the app for this request.
fn of(call: &Call, space: &Space, start: &Start) -> bool {
    let object = call.object_ref.clone().unwrap_or_default();
    object.namespace == space.name
        && object.name.starts_with(&format!("{}-", start.name))
        && (start.moments.sent..=start.moments.answered).contains(&call.request_received_timestamp)
}
