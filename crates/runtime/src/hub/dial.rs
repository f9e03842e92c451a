//! Keeps one stream up: looks up, connects, hands over to `stream`, waits, again.

use std::time::Duration;

use anyhow::Context as _;
use proxy::net::Network;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Line,
    backoff::{Backoff, GOOD_AFTER},
    stream,
};

pub(super) async fn keep_up(line: Line, network: impl Network) {
    let born = Instant::now();
    let mut backoff = Backoff::new(line.config.longest_pause);
    let mut told = String::new();
    while !line.shutdown.is_cancelled() {
        let began = Instant::now();
        let ended = once(&line, &network, backoff.attempt()).await;
        if began.elapsed() >= GOOD_AFTER {
            told.clear();
        }
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

async fn once(line: &Line, network: &impl Network, limit: Duration) -> anyhow::Result<()> {
    let (stream, local) = tokio::select! {
        connected = timeout(limit, network.dial_name(&line.config.address)) => {
            connected.context("no address, or none that answers, in time")??
        }
        () = line.shutdown.cancelled() => return Ok(()),
    };
    stream::converse(stream, local, line).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
