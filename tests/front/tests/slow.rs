//! Clients that are slow on purpose, by slowhttptest: they meet their limits, and nobody else notices them.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::command;
use e2e::http::Target;
use e2e::trickle::Trickle;
use front::objects;
use front::process::Place;
use front::stack::{self, PUBLIC_PORT, Stack};

const APP_PORT: u16 = 3000;
/// Slow clients at a time.
const CLIENTS: &str = "400";
/// Of another client's requests, while there are those.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs slowhttptest with these arguments, with another client beside it, and gives what it printed at its end.
async fn beside(path: &str, arguments: &[&str]) -> Result<String> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let _stack = Stack::start(APP_PORT, false).await?;
    let target = Target::named(([127, 0, 0, 1], PUBLIC_PORT).into(), objects::HOST);
    let trickle = Trickle::start(target, "/bytes?size=100", PAUSE);
    let url = format!("http://{}:{PUBLIC_PORT}{path}", objects::HOST);
    let slow = [&["-c", CLIENTS, "-r", CLIENTS, "-u", &url], arguments].concat();
    let printed = command::run("slowhttptest", &slow).await?;
    let meanwhile = trickle.answered();
    let replies = trickle.finish().await?;
    ensure!(meanwhile > 0, "nobody else was served meanwhile");
    let longest = replies.iter().map(|reply| reply.elapsed).max().unwrap_or_default();
    // It paints its page anew each second: the last one counts.
    let last = plain(printed.rsplit("slow HTTP test status").next().unwrap_or_default());
    println!("{meanwhile} other requests were served, the longest took {longest:?}; slowhttptest:{last}");
    Ok(last)
}

/// Text without what colours it.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.map(|part| part.split_once('m').map_or("", |(_, rest)| rest)).collect::<String>()
}

/// A head that does not come to its end within the time for heads is not waited for.
#[tokio::test]
async fn slow_heads_are_cut() -> Result<()> {
    let report = beside("/", &["-H", "-i", "1", "-l", "80"]).await?;
    ensure!(report.contains("No open connections left"), "{report}");
    Ok(())
}

#[tokio::test]
async fn slow_bodies_are_in_nobodys_way() -> Result<()> {
    beside("/echo", &["-B", "-i", "1", "-s", "8192", "-l", "5"]).await.map(drop)
}

#[tokio::test]
async fn slow_readers_are_in_nobodys_way() -> Result<()> {
    beside("/bytes?size=1000000", &["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "10", "-l", "5"]).await.map(drop)
}
