//! WebSocket through both proxies, with tungstenite on both ends; and half-closed tunnels, with plain sockets.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use front::objects;
use front::process::Place;
use front::stack::{self, PUBLIC_PORT, Stack};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

const APP_PORT: u16 = 3000;
const PATIENCE: Duration = Duration::from_secs(20);
/// tungstenite takes frames of 16 MiB at most unless it is told otherwise.
const LARGE: usize = 12 << 20;

/// Echoes data, and closes with code 4000 when it is told to.
async fn serve(socket: TcpStream) -> Result<()> {
    let mut socket = accept_async(socket).await?;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) if text.as_str() == "close" => {
                let frame = CloseFrame { code: CloseCode::Library(4000), reason: "told to".into() };
                socket.close(Some(frame)).await?;
            }
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            _ => {}
        }
    }
    Ok(())
}

async fn world() -> Result<(Stack, WebSocketStream<TcpStream>)> {
    let listener = TcpListener::bind(("127.0.0.1", APP_PORT)).await?;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    let stack = Stack::start(APP_PORT, false).await?;
    let stream = TcpStream::connect(("127.0.0.1", PUBLIC_PORT)).await?;
    let (socket, answer) = client_async(format!("ws://{}/", objects::HOST), stream).await?;
    ensure!(answer.status() == 101, "{answer:?}");
    Ok((stack, socket))
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Result<Message> {
    Ok(timeout(PATIENCE, socket.next()).await.context("no message in time")?.context("the end")??)
}

#[tokio::test]
async fn messages_of_all_sizes_come_back() -> Result<()> {
    let (_stack, mut socket) = world().await?;
    for size in [0, 1, 125, 126, 65_535, 65_536, LARGE] {
        let sent = Message::binary(vec![7; size]);
        socket.send(sent.clone()).await?;
        ensure!(next(&mut socket).await? == sent, "{size} bytes");
    }
    // Both ways at once: what is sent is not waited for.
    let (mut to, mut from) = socket.split();
    let sending = tokio::spawn(async move {
        for number in 0..1000 {
            to.send(Message::text(number.to_string())).await?;
        }
        anyhow::Ok(to)
    });
    for number in 0..1000 {
        let message = timeout(PATIENCE, from.next()).await?.context("the end")??;
        ensure!(message.to_text()? == number.to_string(), "message {number}: {message:?}");
    }
    drop(sending.await??);
    Ok(())
}

#[tokio::test]
async fn a_ping_has_its_pong() -> Result<()> {
    let (_stack, mut socket) = world().await?;
    socket.send(Message::Ping(Bytes::from_static(b"are you there?"))).await?;
    ensure!(next(&mut socket).await? == Message::Pong(Bytes::from_static(b"are you there?")));
    Ok(())
}

#[tokio::test]
async fn either_side_closes_with_its_code() -> Result<()> {
    let (_stack, mut socket) = world().await?;
    socket.send(Message::text("close")).await?;
    match next(&mut socket).await? {
        Message::Close(Some(frame)) => ensure!(frame.code == CloseCode::Library(4000), "{frame:?}"),
        other => bail!("{other:?}"),
    }
    ensure!(timeout(PATIENCE, socket.next()).await?.is_none(), "the connection ends after the handshake");
    Ok(())
}

#[tokio::test]
async fn the_clients_close_is_answered() -> Result<()> {
    let (_stack, mut socket) = world().await?;
    let frame = CloseFrame { code: CloseCode::Normal, reason: "bye".into() };
    socket.send(Message::Close(Some(frame.clone()))).await?;
    ensure!(next(&mut socket).await? == Message::Close(Some(frame)));
    ensure!(timeout(PATIENCE, socket.next()).await?.is_none(), "the connection ends after the handshake");
    Ok(())
}

/// A client that has said all it has to say still hears the rest.
#[tokio::test]
async fn a_half_closed_tunnel_delivers_the_rest() -> Result<()> {
    let _app = stack::app(APP_PORT, Place::default()).await?;
    let _stack = Stack::start(APP_PORT, false).await?;
    let mut stream = TcpStream::connect(("127.0.0.1", PUBLIC_PORT)).await?;
    let head = format!("GET /ws HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\n", objects::HOST);
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await??;
        ensure!(read > 0, "{:?}", String::from_utf8_lossy(&answer));
    }
    ensure!(answer.starts_with(b"HTTP/1.1 101 "), "{:?}", String::from_utf8_lossy(&answer));

    let (mut from, mut to) = stream.into_split();
    let sent = vec![9; 4 << 20];
    let writing = sent.clone();
    let writer = tokio::spawn(async move {
        to.write_all(&writing).await?;
        to.shutdown().await?;
        anyhow::Ok(to)
    });
    let mut echoed = Vec::new();
    timeout(PATIENCE, from.read_to_end(&mut echoed)).await.context("the end of the echo")??;
    ensure!(echoed == sent, "{} of {} bytes came back", echoed.len(), sent.len());
    writer.await??;
    Ok(())
}
