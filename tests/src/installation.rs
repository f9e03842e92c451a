//! The installation in the cluster, as Helm sees it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Cluster;
use crate::command::run;

/// The chart of this checkout.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/todoapp");

/// What `helm list` says of it.
pub struct Installation {
    /// Name of the release.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

impl Installation {
    /// Finds it.
    pub async fn find(cluster: &Cluster) -> Result<Self> {
        let text = run("helm", &["list", "-n", &cluster.system, "-o", "json"]).await?;
        let releases: Value = serde_json::from_str(&text)?;
        let ours = releases
            .as_array()
            .into_iter()
            .flatten()
            .find(|r| r["chart"].as_str().unwrap_or_default().starts_with("todoapp-"));
        let ours = ours.with_context(|| format!("no release of the chart in {}: {text}", cluster.system))?;
        ensure!(ours["status"] == "deployed", "{ours}");
        Ok(Self { name: ours["name"].as_str().unwrap_or_default().to_owned(), namespace: cluster.system.clone() })
    }

    /// `helm VERB NAME …` in its namespace.
    pub async fn helm(&self, verb: &str, more: &[&str]) -> Result<String> {
        run("helm", &[&[verb, &self.name, "-n", &self.namespace], more].concat()).await
    }

    /// Changes values, written as for `--set`, and waits until all pods have them.
    pub async fn set(&self, values: &[&str]) -> Result<()> {
        let sets = values.iter().flat_map(|value| ["--set", value]);
        let more = [CHART, "--reuse-values", "--wait", "--timeout", "3m"].into_iter().chain(sets);
        self.helm("upgrade", &more.collect::<Vec<_>>()).await?;
        Ok(())
    }
}
