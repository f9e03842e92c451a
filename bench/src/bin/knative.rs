//! Ours and Knative Serving side by side on one node: the warm path, first requests with their phases, and many first
//! requests at once. On each side two proxies are on the way: the activator, and the queue-proxy of the pod.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use bench::knative::{self, Entry};
use bench::moments::PHASES;
use bench::{HEAD, PROMISES, Sample, at_least, median, promise};
use clap::Parser;
use e2e::app::sleeping;
use e2e::cluster::pod_address;
use e2e::namespace::in_new_namespace;
use e2e::{App, Space, command, observe};
use front::report;
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};

/// Of Knative's share of the direct rate, ours.
const SHARE: f64 = 2.5;
/// Of Knative's median, ours.
const COLD: f64 = 0.25;
/// Apps that are made beside each other.
const MAKING: usize = 5;

#[derive(Parser, Clone, Copy)]
#[command(about = "Measures ours and Knative Serving in turns on the same node")]
struct Args {
    /// Cold starts of each.
    #[arg(long, default_value_t = 30)]
    starts: usize,
    /// Apps of each, which are also woken at once.
    #[arg(long, default_value_t = 20)]
    apps: usize,
    /// Rounds of the warm path.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Of one load.
    #[arg(long, default_value_t = 5)]
    seconds: usize,
}

/// First requests of one side.
#[derive(Default)]
struct Cold {
    /// One at a time, each of the [`PHASES`].
    alone: [Sample; PHASES.len()],
    /// All at once, to the answer.
    at_once: Sample,
}

#[tokio::main]
async fn main() -> ExitCode {
    bench::exit(run(Args::parse()).await)
}

async fn run(args: Args) -> Result<()> {
    in_new_namespace(async move |space: Space| {
        let shares = warm(&space, args).await?;
        let [ours, theirs] = cold(&space, args).await?;
        report(args, &shares, &ours, &theirs);
        Ok(())
    })
    .await
}

/// Rates of a round: direct, ours, Knative's.
async fn warm(space: &Space, args: Args) -> Result<Vec<[f64; 3]>> {
    let app = App::new("warm").drowsy().ready(space).await?;
    let ours = entry(space, &app).await?;
    let theirs = knative::create(space, "warm-knative", 1).await?;
    ours.get().await?;
    theirs.get().await?;
    let pods = observe::pods(space, "warm").await?;
    let direct = pod_address(pods.first().context("no pod of ours")?, 8080)?;
    let direct = Entry { address: direct, fields: vec!["Host: direct".to_owned()] };
    let mut rounds = Vec::new();
    for round in 0..args.rounds {
        let mut rates = [0.0; 3];
        let entries = [&direct, &ours, &theirs];
        for step in 0..entries.len() {
            let place = if round % 2 == 0 { step } else { entries.len() - 1 - step };
            rates[place] = rate(entries[place], args.seconds).await?;
        }
        rounds.push(rates);
    }
    Ok(rounds)
}

/// Answers a second to wrk on 32 connections: of the load generators it takes least of the CPU that all share.
async fn rate(entry: &Entry, seconds: usize) -> Result<f64> {
    let duration = format!("{seconds}s");
    let url = format!("http://{}/bytes?size=1024", entry.address);
    let mut words = vec!["-t", "1", "-c", "32", "-d", &duration];
    words.extend(entry.fields.iter().flat_map(|field| ["-H", field]));
    words.push(&url);
    let load = report::wrk(&command::run("wrk", &words).await?)?;
    ensure!(load.good > 0 && load.bad == 0, "{}: {load:?}", entry.fields.join(", "));
    Ok(load.rate)
}

/// One after the other in turns, and then all at once, each from sleep.
async fn cold(space: &Space, args: Args) -> Result<[Cold; 2]> {
    let names: Vec<String> = (0..args.apps).map(|n| format!("cold-{n}")).collect();
    let made = stream::iter(names.clone()).map(async |name| {
        let app = App::new(&name).ready(space).await?;
        let knative = knative::create(space, &format!("{name}-knative"), 0).await?;
        anyhow::Ok([entry(space, &app).await?, knative])
    });
    let entries: Vec<[Entry; 2]> = made.buffered(MAKING).try_collect().await?;
    let mut cold = [Cold::default(), Cold::default()];
    let mut left = args.starts;
    while left > 0 {
        all_asleep(space, &names).await?;
        let now = left.min(args.apps);
        for (index, pair) in entries.iter().take(now).enumerate() {
            for turn in 0..2 {
                let side = (index + turn) % 2;
                let phases = pair[side].get().await?.of_first()?.phases();
                cold[side].alone.iter_mut().zip(phases).for_each(|(sample, phase)| sample.push(phase));
            }
        }
        left -= now;
    }
    for side in 0..2 {
        all_asleep(space, &names).await?;
        for moments in join_all(entries.iter().map(|pair| pair[side].get())).await {
            let [whole, ..] = moments?.of_first()?.phases();
            cold[side].at_once.push(whole);
        }
    }
    Ok(cold)
}

async fn all_asleep(space: &Space, names: &[String]) -> Result<()> {
    for name in names {
        sleeping(space, name).await?;
        knative::asleep(space, &format!("{name}-knative")).await?;
    }
    Ok(())
}

async fn entry(space: &Space, app: &api::TodoApp) -> Result<Entry> {
    let target = space.target(app).await?;
    let address: SocketAddr = target.address;
    Ok(Entry { address, fields: vec![format!("Host: {}", target.host)] })
}

fn report(args: Args, rounds: &[[f64; 3]], ours: &Cold, theirs: &Cold) {
    println!(
        "## Beside Knative Serving\n\nThe same node, in turns; Knative v0.42.2. On each side both proxies are on the way of every request, warm or\nfirst: its activator, then the queue-proxy beside the app. Knative has no ingress here: its activator is called itself.\n"
    );
    let share = |side: usize| median(rounds.iter().map(|rates| rates[side] / rates[0]));
    println!(
        "| warm, 32 connections, 1 KiB, medians of {} rounds | answers a second | share of direct |\n| --- | --- | --- |",
        rounds.len()
    );
    for (name, side) in
        [("direct", 0), ("our activator and queue-proxy", 1), ("Knative's activator and queue-proxy", 2)]
    {
        println!("| {name} | {:.0} | {:.3} |", median(rounds.iter().map(|rates| rates[side])), share(side));
    }
    println!("\nFirst requests to sleeping apps, one at a time in turns, image on the node:\n\n{HEAD}");
    for (phase, (ours, theirs)) in PHASES.iter().zip(ours.alone.iter().zip(&theirs.alone)) {
        println!("{}", ours.row(&format!("{phase}, ours")));
        println!("{}", theirs.row(&format!("{phase}, Knative's")));
    }
    println!("\n{} first requests at once, one to each app:\n\n{HEAD}", args.apps);
    println!("{}", ours.at_once.row(&format!("{}, ours", PHASES[0])));
    println!("{}", theirs.at_once.row(&format!("{}, Knative's", PHASES[0])));
    let p50 = |cold: &Cold| cold.alone[0].quantile(0.5).as_secs_f64();
    println!("\n{PROMISES}");
    let shares = median(rounds.iter().map(|[_, ours, theirs]| ours / theirs));
    println!("{}", at_least("warm, ours ÷ Knative's", shares, SHARE, ""));
    println!("{}", promise("first request at p50, ours ÷ Knative's", p50(ours) / p50(theirs), COLD, ""));
}
