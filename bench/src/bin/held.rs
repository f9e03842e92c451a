//! What requests take in the activator's memory while it holds them: its app has no pod, and nobody makes one.
//!
//! One of HTTP/1 without a body, in bytes; the heap's part is counted by a test (`activator/src/tests/memory.rs`):
//!
//! | bytes | where |
//! | --- | --- |
//! | 8192 | hyper's buffer to read: in use while the client is watched, and no smaller one can be set |
//! | 8192 | hyper's buffer to write, made with the connection |
//! | 2330 | the request's future |
//! | 1400 | the connection's task |
//! | 1250 | the map of header fields, twelve at the least |
//! | 1060 | timers, the place in the queue, what the connection is known by, values of fields |
//! | 220 | malloc's own |
//! | -8100 | pages of the two buffers that nobody has written to |
//! | 1500 | the kernel's |
//!
//! A body of 1 KiB adds 2.2 kB. A head that comes in two reads adds 4.3 kB, for hyper then doubles its buffer.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::group::{Group, Usage};
use bench::{PROMISES, promise};
use bytes::Bytes;
use clap::Parser;
use e2e::http::Target;
use e2e::wait_for;
use front::process::Place;
use front::stack::{self, ADMIN_PORT, PUBLIC_PORT};
use front::{Process, objects};
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const MIB: f64 = 1024.0 * 1024.0;
/// Bytes of a body, where there is one.
const BODY: usize = 1024;
const ALL_HELD: Duration = Duration::from_mins(1);
/// The promise is about so many.
const MANY: usize = 10_000;
const LIMIT_MIB: f64 = 200.0;

#[derive(Parser)]
#[command(about = "Measures the memory of the activator while it holds requests")]
struct Args {
    /// Requests that are held at a time; each number a measurement.
    #[arg(long, default_values_t = [1000, MANY])]
    count: Vec<usize>,
    /// Streams on one HTTP/2 connection.
    #[arg(long, default_value_t = 100)]
    streams: usize,
}

/// How the requests come.
#[derive(Clone, Copy, PartialEq)]
enum Client {
    /// A connection each.
    Http1,
    /// So many on each connection.
    Http2 { streams: usize },
}

/// What was measured of one activator.
#[derive(Clone, Copy)]
struct Figures {
    resident: u64,
    usage: Usage,
}

#[tokio::main]
async fn main() -> ExitCode {
    bench::exit(run(&Args::parse()).await)
}

async fn run(args: &Args) -> Result<()> {
    println!(
        "## Held requests\n\nThe activator, one app without a pod. Working set as `kubectl top` would show it: it has the kernel's part in it.\nWhat a held request is made of stands in `bench/src/bin/held.rs`.\n"
    );
    println!("| held | client | body | resident MiB, idle | held | kB each | working set MiB | kernel MiB | kB each |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut most = None;
    for &count in &args.count {
        for client in [Client::Http1, Client::Http2 { streams: args.streams }] {
            for body in [0, BODY] {
                let (before, after) = measure(count, client, body).await?;
                println!("{}", row(count, client, body, before, after));
                if count == MANY {
                    most = most.max(Some(after.usage.working_set));
                }
            }
        }
    }
    if let Some(most) = most {
        println!("\n{PROMISES}");
        println!("{}", promise(&format!("{MANY} held requests, working set"), most as f64 / MIB, LIMIT_MIB, "MiB"));
    }
    Ok(())
}

fn row(count: usize, client: Client, body: usize, before: Figures, after: Figures) -> String {
    let client = match client {
        Client::Http1 => "HTTP/1, a connection each".to_owned(),
        Client::Http2 { streams } => format!("HTTP/2, {streams} streams a connection"),
    };
    let each = |from: u64, to: u64| to.saturating_sub(from) as f64 / count as f64 / 1000.0;
    format!(
        "| {count} | {client} | {body} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
        before.resident as f64 / MIB,
        after.resident as f64 / MIB,
        each(before.resident, after.resident),
        after.usage.working_set as f64 / MIB,
        after.usage.kernel as f64 / MIB,
        each(before.usage.working_set, after.usage.working_set),
    )
}

/// An activator of its own for each measurement: what an earlier one left with the allocator would hide the cost.
async fn measure(count: usize, client: Client, body: usize) -> Result<(Figures, Figures)> {
    let group = Group::new("todoapp-held")?;
    let place = Place { group: Some(group.folder()), ..Place::default() };
    let most = (count + 1).to_string();
    let shares = ["--hold-app-percent", "100", "--hold-namespace-percent", "100"];
    let flags = [&["--hold-count", &most, "--hold-timeout", "10m"], &shares[..]].concat();
    let front = stack::front(&flags, false, place).await?;
    let before = figures(&front, &group)?;
    let mut clients = JoinSet::new();
    match client {
        Client::Http1 => http1(count, body, &mut clients),
        Client::Http2 { streams } => http2(count, streams, body, &mut clients).await?,
    }
    wait_for("all requests held", ALL_HELD, || async {
        let held = held().await?;
        ensure!(held == count, "{held} are held");
        Ok(())
    })
    .await?;
    let after = figures(&front, &group)?;
    ensure!(clients.try_join_next().is_none(), "a request ended");
    front.end().await?;
    Ok((before, after))
}

fn figures(front: &Process, group: &Group) -> Result<Figures> {
    Ok(Figures { resident: front.resident()?, usage: group.usage()? })
}

/// As the activator itself says.
async fn held() -> Result<usize> {
    let state = Target::at(([127, 0, 0, 1], ADMIN_PORT).into()).get("/debug/state").await?.expect(200)?.body;
    let state: serde_json::Value = serde_json::from_str(&state)?;
    Ok(state["held"].as_u64().context("held in /debug/state")? as usize)
}

/// Each client waits for an answer that does not come.
fn http1(count: usize, body: usize, clients: &mut JoinSet<Result<()>>) {
    let head = format!("POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: {body}\r\n\r\n", objects::HOST);
    let request: Bytes = [head.into_bytes(), vec![b'x'; body]].concat().into();
    for _ in 0..count {
        let request = request.clone();
        clients.spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", PUBLIC_PORT)).await?;
            stream.write_all(&request).await?;
            stream.readable().await?;
            Ok(())
        });
    }
}

async fn http2(count: usize, streams: usize, body: usize, clients: &mut JoinSet<Result<()>>) -> Result<()> {
    let body = Bytes::from(vec![b'x'; body]);
    for connection in 0..count.div_ceil(streams) {
        let stream = TcpStream::connect(("127.0.0.1", PUBLIC_PORT)).await?;
        let (sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        clients.spawn(async move { Ok(driver.await?) });
        for _ in 0..streams.min(count - connection * streams) {
            let mut sender = sender.clone();
            let request = Request::post(format!("http://{}/", objects::HOST)).body(Full::new(body.clone()))?;
            clients.spawn(async move { Ok(sender.send_request(request).await.map(drop)?) });
        }
    }
    Ok(())
}
