//! A body that is still being sent when its answer comes.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use wire::Protocol::Http1;

/// More than all buffers on the way have room for.
const BYTES: usize = 32 << 20;

/// Answers at once and without end, and tells when it has read the whole request.
fn app_that_answers_early() -> (std::net::SocketAddr, oneshot::Receiver<()>) {
    let (listener, address) = listener();
    let (whole, is_whole) = oneshot::channel();
    tokio::spawn(async move {
        let (io, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = io.into_split();
        tokio::spawn(async move {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\n\r\n");
            write.write_all(head.as_bytes()).await.unwrap();
            let _ = write.write_all(&vec![b'a'; BYTES]).await;
        });
        let mut left = BYTES;
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            match read.read(&mut buffer).await {
                Ok(read) if read > 0 => left = left.saturating_sub(read),
                _ => return,
            }
        }
        whole.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    (address, is_whole)
}

#[tokio::test]
async fn a_client_that_reads_nothing_yet_can_send_everything() {
    let (address, is_whole) = app_that_answers_early();
    let proxy = proxy(address, Http1);
    let mut client = Raw::to(proxy.address).await;
    client.say(&format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {BYTES}\r\n\r\n")).await;
    client.hear("\r\n\r\n").await;
    within(client.0.write_all(&vec![b'b'; BYTES])).await.unwrap();
    within(is_whole).await.unwrap();
}
