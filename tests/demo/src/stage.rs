//! Runs the steps: shows the table meanwhile, reads the cold starts afterwards, and remembers what was not as it
//! should be.

use std::{
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    cluster::Cluster,
    figures::{APPS, Snapshot, asleep},
    sampler,
    table::{Table, say},
    wakes::ColdStart,
};

/// Window, grace and the end of the pods take about 15 s; a busy machine takes longer.
const ASLEEP_MAX: Duration = Duration::from_secs(90);

/// Everything that outlives a step.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) table: Table,
    snapshots: watch::Receiver<Snapshot>,
    /// With the title of the step.
    pub(crate) cold_starts: Vec<(String, ColdStart)>,
    pub(crate) failures: Vec<String>,
}

impl Stage {
    pub(crate) fn new(cluster: Cluster, table: Table) -> Self {
        let snapshots = sampler::start(cluster.clone());
        Self { cluster, table, snapshots, cold_starts: Vec::new(), failures: Vec::new() }
    }

    /// The figures now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        *self.snapshots.borrow()
    }

    /// Does something while the table is shown, then lists the apps that it woke.
    pub(crate) async fn step<T>(
        &mut self,
        title: &str,
        why: &str,
        action: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let since = unix_ms();
        self.table.begin(title, why);
        let mut action = pin!(action);
        let result = loop {
            tokio::select! {
                result = &mut action => break result,
                changed = self.snapshots.changed() => changed.context("nobody reads the figures")?,
            }
            let snapshot = *self.snapshots.borrow_and_update();
            self.table.show(&snapshot);
        };
        self.settle().await;
        let result = result.with_context(|| format!("step \"{title}\""))?;
        for start in self.cluster.cold_starts(since).await? {
            say(&format!("  cold start of {} ({}): {:.0} ms", start.app, start.revision, start.total));
            self.cold_starts.push((title.to_owned(), start));
        }
        Ok(result)
    }

    /// The action ended between two samples: what it did is in the one after the next.
    async fn settle(&mut self) {
        for _ in 0..2 {
            // Nothing new within a second is news for the next step.
            let _ = timeout(Duration::from_secs(1), self.snapshots.changed()).await;
        }
        let snapshot = *self.snapshots.borrow_and_update();
        self.table.end(&snapshot);
    }

    /// A step that waits until what sleeps is at zero.
    pub(crate) async fn fall_asleep(&mut self, title: &str, why: &str) -> Result<()> {
        let mut snapshots = self.snapshots.clone();
        let wait = async move {
            let slept = timeout(ASLEEP_MAX, snapshots.wait_for(asleep)).await.is_ok();
            let left = *snapshots.borrow();
            if !slept {
                let pods = APPS.iter().zip(left).map(|(app, now)| format!("{app} {}", now.replicas + now.ending));
                anyhow::bail!("not asleep after {ASLEEP_MAX:?}, pods: {}", pods.collect::<Vec<_>>().join(", "));
            }
            Ok(())
        };
        self.step(title, why, wait).await?;
        // The pods are gone; their addresses are a moment later.
        sleep(Duration::from_millis(500)).await;
        Ok(())
    }

    /// The step must have woken these apps; its lines have said so already.
    pub(crate) fn check_woken(&mut self, step: &str, apps: &[&str]) {
        for app in apps {
            if !self.cold_starts.iter().any(|(title, start)| title == step && start.app == *app) {
                self.check(false, &format!("there is no record of a cold start of {app}"));
            }
        }
    }

    /// Says it, and keeps it for the end unless it is so.
    pub(crate) fn check(&mut self, so: bool, what: &str) {
        let mark = if so { "✓" } else { "✗" };
        say(&format!("  {mark} {what}"));
        if !so {
            self.failures.push(what.to_owned());
        }
    }
}

/// The clock that the processes' records use.
fn unix_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}
