//! Keeps one stream up: looks up, connects, hands over to `stream`, waits, again.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{Line, backoff::Backoff, stream};

/// A connection that was sent to the address of a former leader is answered by nobody, however long it waits; a new one
/// goes where the Service leads by then.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// A hub that acknowledges nothing for this long is gone; our reports go out each second, so this is noticed.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn keep_up(line: Line) {
    let born = Instant::now();
    let mut backoff = Backoff::new(line.config.longest_pause);
    let mut told = String::new();
    while !line.shutdown.is_cancelled() {
        let began = Instant::now();
        let ended = once(&line).await;
        let pause = backoff.next(began.elapsed(), born.elapsed(), rand::random());
        if line.shutdown.is_cancelled() {
            return;
        }
        let hub = line.config.address.as_str();
        match ended {
            Ok(()) => tracing::info!(hub, "the hub ended the stream"),
            // Nobody wants to read the same twice a second while there is no leader.
            Err(cause) if cause.to_string() == told => tracing::debug!(hub, %cause, ?pause, "no stream to the hub"),
            Err(cause) => {
                tracing::info!(hub, %cause, ?pause, "no stream to the hub");
                told = cause.to_string();
            }
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = line.shutdown.cancelled() => return,
        }
    }
}

async fn once(line: &Line) -> anyhow::Result<()> {
    let (stream, local) = tokio::select! {
        connected = timeout(CONNECT_TIMEOUT, connect(&line.config.address)) => connected??,
        () = line.shutdown.cancelled() => return Ok(()),
    };
    stream::converse(stream, local, line).await?;
    Ok(())
}

async fn connect(address: &str) -> io::Result<(TcpStream, SocketAddr)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(Duration::from_secs(5)).with_interval(Duration::from_secs(2)).with_retries(3),
    )?;
    let local = stream.local_addr()?;
    Ok((stream, local))
}
