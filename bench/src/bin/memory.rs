//! Working sets of our processes, with as many sleeping apps as the promises speak of, and with many more.

use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::{PROMISES, promise};
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
    /// Sleeping apps of the first measurement.
    #[arg(long, default_value_t = 100)]
    apps: usize,
    /// Further ones of the second: the more, the less do holes in a heap and the kernel's batches matter.
    #[arg(long, default_value_t = 200)]
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
        restart(&space).await?;
        let awake = App::new("awake").drowsy().ready(&space).await?;
        let target = space.target(&awake).await?;
        for _ in 0..1000 {
            target.get("/").await?.expect(200)?;
        }
        let none = figures(&space).await?;
        create(&space, 0..args.apps, args.width).await?;
        let once = figures(&space).await?;
        create(&space, args.apps..args.apps + args.further, args.width).await?;
        let all = figures(&space).await?;
        report(args, none, once, all);
        Ok(())
    })
    .await
}

/// The promises speak of what sleeping apps take, not of what an earlier burst has left with the allocator.
async fn restart(space: &Space) -> Result<()> {
    for deployment in ["deployment/todoapp-operator", "deployment/todoapp-activator"] {
        command::run("kubectl", &["-n", &space.cluster.system, "rollout", "restart", deployment]).await?;
        command::run("kubectl", &["-n", &space.cluster.system, "rollout", "status", deployment, "--timeout=2m"])
            .await?;
    }
    Ok(())
}

/// Apps of these numbers, all asleep at the end.
async fn create(space: &Space, numbers: Range<usize>, width: usize) -> Result<()> {
    let names: Vec<String> = numbers.map(|n| format!("asleep-{n}")).collect();
    stream::iter(names.clone())
        .map(async |name| App::new(&name).ready(space).await.map(drop))
        .buffer_unordered(width)
        .try_collect::<()>()
        .await?;
    for name in &names {
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

fn report(args: Args, none: Figures, once: Figures, all: Figures) {
    println!("## Memory\n\nWorking sets as `kubectl top` shows them, largest pod of each.\n");
    println!("| sleeping apps | operator MiB | activator MiB | queue-proxy MiB |\n| --- | --- | --- | --- |");
    for (apps, f) in [(0, none), (args.apps, once), (args.apps + args.further, all)] {
        println!("| {apps} | {:.2} | {:.2} | {:.2} |", f.operator / MIB, f.activator / MIB, f.queue_proxy / MIB);
    }
    let each = |from: f64, to: f64| (to - from) / args.further as f64 / 1000.0;
    println!("\n{PROMISES}");
    println!("{}", promise("queue-proxy", all.queue_proxy / MIB, 3.0, "MiB"));
    println!("{}", promise(&format!("operator with {} sleeping apps", args.apps), once.operator / MIB, 15.0, "MiB"));
    println!("{}", promise(&format!("activator with {} sleeping apps", args.apps), once.activator / MIB, 10.0, "MiB"));
    println!("{}", promise("operator, each further one", each(once.operator, all.operator), 4.0, "kB"));
    println!("{}", promise("activator, each further one", each(once.activator, all.activator), 4.0, "kB"));
}
