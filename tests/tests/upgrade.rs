//! Connections that leave HTTP: they pass through a wake, and count as load for as long as they are open.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::http::Target;
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
        let mut stream = upgrade(&space.target(&app).await?).await?;
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

async fn upgrade(target: &Target) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(target.address).await?;
    let head = format!("GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", target.host);
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let count = timeout(Duration::from_secs(30), stream.read_buf(&mut answer)).await??;
        ensure!(count > 0, "closed after: {}", String::from_utf8_lossy(&answer));
    }
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    ensure!(answer.starts_with("http/1.1 101 ") && answer.contains("upgrade: echo"), "{answer}");
    Ok(stream)
}

async fn echo(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).await?;
    let mut back = vec![0; bytes.len()];
    timeout(Duration::from_secs(5), stream.read_exact(&mut back)).await??;
    ensure!(back == bytes, "{}", String::from_utf8_lossy(&back));
    Ok(())
}
