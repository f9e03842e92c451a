//! Reads the figures several times a second for as long as the demo runs.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use tokio::{sync::watch, time::interval};

use crate::{
    cluster::Cluster,
    figures::{Snapshot, Sum, counts},
};

/// Shorter than a cold start, so that the table shows one.
const EVERY: Duration = Duration::from_millis(100);
/// How often activators are looked for anew, in samples.
const LOOK: u32 = 20;

/// The newest figures, and how often they were read; ends with the receiver.
pub(crate) fn start(cluster: Cluster) -> watch::Receiver<Snapshot> {
    let (sender, receiver) = watch::channel(Snapshot::default());
    tokio::spawn(async move {
        let mut sum = Sum::default();
        let mut activators = Vec::new();
        let mut ticks = interval(EVERY);
        for sample in 0u32.. {
            ticks.tick().await;
            if sample % LOOK == 0 {
                activators = cluster.processes("activator").await.unwrap_or(activators);
            }
            let before = *sender.borrow();
            // A sample that fails is made up for by the next one; if none succeeds, the step's own limit says so.
            if let Ok(snapshot) = sample_once(&cluster, &activators, &mut sum, before).await
                && sender.send(snapshot).is_err()
            {
                return;
            }
        }
    });
    receiver
}

async fn sample_once(cluster: &Cluster, activators: &[String], sum: &mut Sum, before: Snapshot) -> Result<Snapshot> {
    let metrics = join_all(activators.iter().map(|activator| cluster.admin(activator, "/metrics")));
    let (pods, metrics) = tokio::join!(cluster.pods(), metrics);
    let pods = pods?;
    for (activator, text) in activators.iter().zip(metrics) {
        if let Ok(text) = text {
            sum.see(activator, counts(&text));
        }
    }
    Ok(sum.snapshot(pods, &before))
}
