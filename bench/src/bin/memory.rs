//! Working sets of our processes, with as many sleeping apps as the promises speak of, and with many more.
//!
//! A pod each for a thousand apps would take longer than all else, so the further ones are objects alone: see
//! [`bench::objects`]. They are written while no operator runs; what each of them takes is the difference between two
//! operators that began anew, for one that has run for long has holes in its heap that they would fill.

use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::{PROMISES, objects, promise};
use clap::Parser;
use e2e::app::sleeping;
use e2e::memory::{largest, working_sets};
use e2e::namespace::in_new_namespace;
use e2e::{App, Space, command, wait_for};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

const MIB: f64 = 1024.0 * 1024.0;
/// The kubelet looks about every ten seconds; after two looks the figures speak of now.
const SETTLE: Duration = Duration::from_secs(25);

#[derive(Parser, Clone, Copy)]
#[command(about = "Measures the working sets of operator, activators and queue-proxy")]
struct Args {
    /// Sleeping apps that each had a pod once.
    #[arg(long, default_value_t = 100)]
    apps: usize,
    /// Further ones that never had a pod.
    #[arg(long, default_value_t = 900)]
    further: usize,
    /// Apps that start beside each other while they are created.
    #[arg(long, default_value_t = 6)]
    width: usize,
}

/// Bytes of our processes; of each the largest.
#[derive(Clone, Copy)]
struct Figures {
    operator: f64,
    activator: f64,
    queue_proxy: f64,
}

#[tokio::main]
async fn main() -> ExitCode {
    bench::exit(run(Args::parse()).await)
}

async fn run(args: Args) -> Result<()> {
    in_new_namespace(async move |space: Space| {
        restart(&space, &["operator", "activator"]).await?;
        let awake = App::new("awake").drowsy().ready(&space).await?;
        let target = space.target(&awake).await?;
        for _ in 0..1000 {
            target.get("/").await?.expect(200)?;
        }
        let none = figures(&space).await?;
        create(&space, &names(0..args.apps), args.width).await?;
        let once = figures(&space).await?;
        restart(&space, &["operator"]).await?;
        let anew = figures(&space).await?;
        let further = names(args.apps..args.apps + args.further);
        objects::without_operator(&space.cluster, objects::write(&space, &further)).await?;
        objects::asleep(&space, &further).await?;
        let all = figures(&space).await?;
        report(args, [none, once, anew, all]);
        Ok(())
    })
    .await
}

/// The promises speak of what sleeping apps take, not of what an earlier burst has left with the allocator.
async fn restart(space: &Space, components: &[&str]) -> Result<()> {
    for component in components {
        let deployment = format!("deployment/todoapp-{component}");
        for words in [&["restart", &deployment][..], &["status", &deployment, "--timeout=2m"]] {
            let rollout = [&["-n", &space.cluster.system, "rollout"], words].concat();
            command::run("kubectl", &rollout).await?;
        }
    }
    Ok(())
}

fn names(numbers: Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("asleep-{n}")).collect()
}

/// Apps that each start a pod, all asleep at the end.
async fn create(space: &Space, names: &[String], width: usize) -> Result<()> {
    stream::iter(names.to_vec())
        .map(async |name| App::new(&name).ready(space).await.map(drop))
        .buffer_unordered(width)
        .try_collect::<()>()
        .await?;
    for name in names {
        sleeping(space, name).await?;
    }
    Ok(())
}

async fn figures(space: &Space) -> Result<Figures> {
    sleep(SETTLE).await;
    wait_for("the kubelet's figures", Duration::from_mins(1), || async {
        let sets = working_sets(&space.cluster).await?;
        let of = |namespace: &str, name: &str| {
            largest(&sets, namespace, name).map(|b| b as f64).with_context(|| name.to_owned())
        };
        let system = &space.cluster.system;
        Ok(Figures {
            operator: of(system, "operator")?,
            activator: of(system, "activator")?,
            queue_proxy: of(&space.name, "queue-proxy")?,
        })
    })
    .await
}

fn report(args: Args, measured: [Figures; 4]) {
    let Args { apps, further, .. } = args;
    let whole = apps + further;
    println!("## Memory\n\nWorking sets as `kubectl top` shows them, largest pod of each; one more app is awake.\n");
    println!("| sleeping apps | of which | operator MiB | activator MiB | queue-proxy MiB |");
    println!("| --- | --- | --- | --- | --- |");
    let rows = [
        (0, "none".to_owned()),
        (apps, "each had a pod once".to_owned()),
        (apps, "the same, operator begun anew".to_owned()),
        (whole, format!("{apps} had a pod once, {further} never (objects only), operator begun anew")),
    ];
    for ((apps, kind), f) in rows.iter().zip(measured) {
        println!(
            "| {apps} | {kind} | {:.2} | {:.2} | {:.2} |",
            f.operator / MIB,
            f.activator / MIB,
            f.queue_proxy / MIB
        );
    }
    let [_, once, anew, all] = measured;
    let each = |from: f64, to: f64| (to - from) / further as f64 / 1000.0;
    let name = |component: &str| format!("{component} with {apps} sleeping apps");
    let further = |component: &str| format!("{component}, each of {further} further ones that never had a pod");
    println!("\n{PROMISES}");
    println!("{}", promise("queue-proxy", all.queue_proxy / MIB, 3.0, "MiB"));
    println!("{}", promise(&name("operator"), once.operator / MIB, 15.0, "MiB"));
    println!("{}", promise(&name("activator"), once.activator / MIB, 10.0, "MiB"));
    println!("{}", promise(&further("operator"), each(anew.operator, all.operator), 4.0, "kB"));
    println!("{}", promise(&further("activator"), each(anew.activator, all.activator), 4.0, "kB"));
}
