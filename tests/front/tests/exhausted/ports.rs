//! Few local ports, and more requests at a time than that.

use std::fs;

use anyhow::{Context, Result, ensure};
use front::process::Place;
use front::stack::{self, ADMIN_PORT, Stack};

use crate::client::{Kept, is_whole, metric, streams};

const APP_PORT: u16 = 3000;
const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const PORTS: usize = 30;

/// So few ports in this network, until it is dropped.
struct Few(String);

impl Few {
    fn begin() -> Result<Self> {
        let before = fs::read_to_string(RANGE)?;
        fs::write(RANGE, format!("20000 {}", 20_000 + PORTS - 1)).context("a network of one's own")?;
        Ok(Self(before))
    }
}

impl Drop for Few {
    fn drop(&mut self) {
        let _ = fs::write(RANGE, &self.0);
    }
}

#[tokio::test]
async fn requests_beyond_the_ports_are_told_so_and_no_pod_is_blamed() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let _stack = Stack::start(APP_PORT, false).await?;
    let mut kept = Kept::open().await?;
    let few = Few::begin()?;
    // Longer than a request is kept waiting for a connection.
    let answers = streams(100, "/?sleep=15000").await?;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    // One or the other may be in use by something else.
    ensure!((PORTS / 2..=PORTS).contains(&good), "{good} answers with {PORTS} ports");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        let told = (answer.status, answer.reason(), answer.headers.contains_key("retry-after"));
        ensure!(told == (503, "exhausted", true), "{answer:?}");
    }
    for _ in 0..20 {
        ensure!(kept.get("/bytes?size=10").await?.status == 200, "open connections go on being used");
    }
    drop(few);
    ensure!(metric(ADMIN_PORT, "todoapp_shortages_total", &[r#"resource="ports""#]).await? > 0.0);
    is_whole().await
}

#[tokio::test]
async fn an_app_that_speaks_http2_needs_hardly_any_ports() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let _stack = Stack::start(APP_PORT, true).await?;
    let few = Few::begin()?;
    for answer in streams(100, "/?sleep=1000").await? {
        ensure!(answer.status == 200, "{answer:?}");
    }
    drop(few);
    is_whole().await
}
