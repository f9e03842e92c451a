//! HTTP/2 as others' tools see it: h2spec on each listener, h2load through both proxies.

use anyhow::{Context, Result, ensure};
use e2e::command;
use front::process::Place;
use front::stack::{self, PUBLIC_PORT, SIDECAR_PORT, Stack};
use front::{objects, report};

const APP_PORT: u16 = 3000;
/// Our listeners speak HTTP/1 too: what is no preface of HTTP/2 gets an answer in HTTP/1, and then the connection ends.
/// h2spec takes that answer for a broken frame.
const EXCEPTION: &str = "Sends invalid connection preface";
/// Cases of h2spec 2.2.1 with `--strict`.
const CASES: usize = 146;

#[tokio::test]
async fn h2spec_strict_passes_on_every_listener() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let _stack = Stack::start(APP_PORT, false).await?;
    for port in [PUBLIC_PORT, objects::CLUSTER_PORT, SIDECAR_PORT] {
        let (cases, mut failed) = h2spec(port).await.with_context(|| format!("port {port}"))?;
        failed.retain(|case| case != EXCEPTION);
        ensure!(cases == CASES, "port {port}: {cases} cases");
        ensure!(failed.is_empty(), "port {port}: {failed:#?}");
    }
    Ok(())
}

/// How many cases there were, and the names of those that failed.
async fn h2spec(port: u16) -> Result<(usize, Vec<String>)> {
    let file = std::env::temp_dir().join(format!("h2spec-{}.xml", std::process::id()));
    let path = file.to_str().context("a path in UTF-8")?;
    let arguments = ["-h", objects::HOST, "-p", &port.to_string(), "-S", "-j", path];
    // It fails when a case fails; which one, the report says.
    let ran = command::run("h2spec", &arguments).await;
    let junit = std::fs::read_to_string(&file);
    let _ = std::fs::remove_file(&file);
    let junit = junit.with_context(|| format!("{ran:?}"))?;
    let (cases, failed) = report::h2spec(&junit)?;
    Ok((cases, failed.into_iter().map(str::to_owned).collect()))
}

#[tokio::test]
async fn h2load_through_both_proxies_loses_nothing() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    for h2c in [false, true] {
        let stack = Stack::start(APP_PORT, h2c).await?;
        for (path, streams) in [("/bytes?size=1024", "32"), ("/bytes?size=102400", "8")] {
            let url = format!("http://{}:{PUBLIC_PORT}{path}", objects::HOST);
            let arguments = ["-n", "4000", "-c", "8", "-m", streams, "-p", "h2c", &url];
            let load = report::h2load(&command::run("h2load", &arguments).await?)?;
            ensure!((load.good, load.bad) == (4000, 0), "{path}, app in HTTP/2: {h2c}: {load:?}");
        }
        stack.end().await?;
    }
    Ok(())
}
