//! Connections that leave HTTP: they pass through a wake, and count as load for as long as they are open.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::observe::{Scale, pods};
use e2e::{App, Space, wait_for, with_namespace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Longer than the window: an idle app would have gone to zero by then.
const OPEN: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_wakes_the_app_and_keeps_it_awake_until_it_closes() {
    with_namespace(async |space: Space| {
        let app = App::new("socket").asleep(&space).await?;
        let mut stream = space.target(&app).await?.upgrade("/ws").await?;
        echo(&mut stream, b"first").await?;
        let scale = Scale::watch(&space, "socket").await?;
        let begin = Instant::now();
        while begin.elapsed() < OPEN {
            sleep(Duration::from_secs(1)).await;
            echo(&mut stream, b"still here").await?;
        }
        ensure!(scale.history() == [1], "scaled under an open connection: {:?}", scale.history());
        drop(stream);
        wait_for("the last pod gone", Duration::from_secs(30), || async {
            ensure!(pods(&space, "socket").await?.is_empty(), "pods are left");
            Ok(())
        })
        .await
    })
    .await;
}

async fn echo(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).await?;
    let mut back = vec![0; bytes.len()];
    timeout(Duration::from_secs(5), stream.read_exact(&mut back)).await??;
    ensure!(back == bytes, "{}", String::from_utf8_lossy(&back));
    Ok(())
}
