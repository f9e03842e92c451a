//! Memory, far from the limits: exact figures are the benchmark's. Runs alone.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::memory::{largest, working_sets};
use e2e::{App, Space, wait_for, with_namespace};
use futures_util::future::try_join_all;

const MIB: u64 = 1024 * 1024;
const APPS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_sleeping_apps_leave_operator_and_activator_small() {
    with_namespace(async |space: Space| {
        let names: Vec<String> = (0..APPS).map(|n| format!("small-{n}")).collect();
        for some in names.chunks(5) {
            try_join_all(some.iter().map(async |name| App::new(name).asleep(&space).await)).await?;
        }
        let awake = App::new("awake").drowsy().ready(&space).await?;
        space.target(&awake).await?.get("/").await?.expect(200)?;
        let system = space.cluster.system.clone();
        let limits = [(system.as_str(), "operator", 20), (&system, "activator", 15), (&space.name, "queue-proxy", 4)];
        for (namespace, container, mib) in limits {
            let bytes = wait_for(&format!("a figure of {container}"), Duration::from_secs(45), || async {
                largest(&working_sets(&space.cluster).await?, namespace, container).context("not yet measured")
            })
            .await?;
            println!("{container}: {:.2} MiB", bytes as f64 / MIB as f64);
            ensure!(bytes <= mib * MIB, "{container} uses {bytes} bytes with {APPS} sleeping apps");
        }
        Ok(())
    })
    .await;
}
