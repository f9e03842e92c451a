//! HTTP/1 load by hey and wrk through both proxies: no request fails.

use anyhow::{Result, ensure};
use e2e::command;
use front::process::Place;
use front::stack::{self, PUBLIC_PORT, Stack};
use front::{objects, report};

const APP_PORT: u16 = 3000;

fn url(path: &str) -> String {
    format!("http://{}:{PUBLIC_PORT}{path}", objects::HOST)
}

#[tokio::test]
async fn hey_with_bodies_loses_nothing() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    for h2c in [false, true] {
        let stack = Stack::start(APP_PORT, h2c).await?;
        for more in [&["-m", "GET"][..], &["-m", "POST", "-d", &"x".repeat(20_000)], &["-disable-keepalive"]] {
            let url = url("/echo");
            let arguments = [&["-n", "2000", "-c", "50"], more, &[&url]].concat();
            let load = report::hey(&command::run("hey", &arguments).await?, 2000)?;
            ensure!((load.good, load.bad) == (2000, 0), "app in HTTP/2: {h2c}: {load:?}");
        }
        stack.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn wrk_loses_nothing() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let _stack = Stack::start(APP_PORT, false).await?;
    for (path, connections) in [("/bytes?size=1024", "64"), ("/bytes?size=102400", "16")] {
        let url = url(path);
        let load = report::wrk(&command::run("wrk", &["-t", "1", "-c", connections, "-d", "2s", &url]).await?)?;
        ensure!(load.good > 0 && load.bad == 0, "{path}: {load:?}");
    }
    Ok(())
}
