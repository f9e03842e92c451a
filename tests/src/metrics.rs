//! Reading `/metrics`.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use crate::command::run_with_input;
use crate::http::Target;

/// One process' metrics in the text format.
#[derive(Debug, Clone)]
pub struct Scrape(String);

impl Scrape {
    /// Gets them from an admin port.
    pub async fn get(address: SocketAddr) -> Result<Self> {
        let reply = Target::at(address).get("/metrics").await?.expect(200)?;
        Ok(Self(reply.body))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Sum of the samples of one name whose labels contain all of `labels`, each written `name="value"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> Result<f64> {
        let samples = self.0.lines().filter(|line| {
            let rest = line.strip_prefix(name).unwrap_or("-");
            rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label))
        });
        samples
            .map(|line| line.rsplit(' ').next().unwrap_or_default().parse::<f64>().with_context(|| line.to_owned()))
            .sum()
    }

    /// What `promtool check metrics` finds wrong.
    pub async fn lint(&self) -> Result<()> {
        run_with_input("promtool", &["check", "metrics"], &self.0).await.map(drop)
    }
}
