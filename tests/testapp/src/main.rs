//! The application that the tests run: its paths show what a request met, its environment makes it misbehave.
//!
//! Environment: `PORT`; `VERSION` (shown by `/who`); `START_DELAY_MS` (listens only after it); `HEALTH_DELAY_MS`
//! (`/health` answers 503 until so long after listening); `FAIL=exit` (ends with 1 at once); `LEDGER` (host:port where
//! requests with `entry=NUMBER` are written down before they are answered); `LEDGER_PORT` (keeps such a ledger there,
//! shown by `/entries`).
//! At SIGTERM it ends without a thought for open requests, so that a bad drain loses some, and logs how many.

mod answer;
mod ledger;
mod stats;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use stats::{Stats, micros_now, variable};

fn main() -> anyhow::Result<()> {
    let started = micros_now();
    if variable("FAIL") == "exit" {
        println!("FAIL=exit: ending with 1");
        std::process::exit(1);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(started))
}

async fn run(started: u64) -> anyhow::Result<()> {
    // Before the delay: as the first process of its container it would not die of a SIGTERM without a handler.
    let mut terminate = signal(SignalKind::terminate())?;
    if let Ok(port) = variable("LEDGER_PORT").parse() {
        tokio::spawn(ledger::keep(port));
    }
    let stats = tokio::select! {
        stats = listen_and_serve(started) => stats?,
        _ = terminate.recv() => return Ok(()),
    };
    terminate.recv().await;
    println!("SIGTERM: requests in flight: {}", stats.in_flight());
    Ok(())
}

/// Returns once it listens; connections are served beside.
async fn listen_and_serve(started: u64) -> anyhow::Result<Arc<Stats>> {
    if let Ok(delay) = variable("START_DELAY_MS").parse() {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let port = variable("PORT").parse().unwrap_or(8080);
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await.with_context(|| format!("listening on port {port}"))?;
    let stats = Arc::new(Stats::new(started, micros_now()));
    println!("listening on port {port}");
    tokio::spawn(accept(listener, Arc::clone(&stats)));
    Ok(stats)
}

async fn accept(listener: TcpListener, stats: Arc<Stats>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, Arc::clone(&stats)))),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn converse(stream: TcpStream, stats: Arc<Stats>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer::answer(request, Arc::clone(&stats)));
    // Ends with an error when the client leaves; of no interest here.
    let _ =
        auto::Builder::new(TokioExecutor::new()).serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}
