//! Request smuggling: whatever comes in, a server behind both proxies sees the requests that we answer, and no other.

mod answers;
mod backend;
mod http2;
mod payloads;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::http::Target;
use front::objects;
use front::stack::{PUBLIC_PORT, Stack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use backend::{APP_PORT, Backend, Server, Understood};
use payloads::{BAD, GOOD, ODD, Payload, Seen};

/// By then a connection on which nothing more is to be said has been closed.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is right for a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All of it has to pass.
    Good,
    /// A part may be refused, and what follows that may pass.
    Odd,
    /// Nothing passes after what was refused.
    Bad,
}

const LAST: Seen = ("GET", "/last", "");

#[tokio::test]
async fn node() -> Result<()> {
    garden(Server::Node).await
}

#[tokio::test]
async fn nginx() -> Result<()> {
    garden(Server::Nginx).await
}

#[tokio::test]
async fn haproxy() -> Result<()> {
    garden(Server::Haproxy).await
}

#[tokio::test]
async fn gunicorn() -> Result<()> {
    garden(Server::Gunicorn).await
}

#[tokio::test]
async fn waitress() -> Result<()> {
    garden(Server::Waitress).await
}

#[tokio::test]
async fn uvicorn() -> Result<()> {
    garden(Server::Uvicorn).await
}

/// Sends every payload and tells of all that went wrong.
async fn garden(server: Server) -> Result<()> {
    let backend = Backend::start(server).await?;
    let stack = Stack::start(APP_PORT, false).await?;
    let mut wrong = Vec::new();
    for (kind, payloads) in [(Kind::Good, GOOD), (Kind::Odd, ODD), (Kind::Bad, BAD)] {
        for payload in payloads {
            if let Err(error) = meet(payload, kind, &backend).await {
                wrong.push(format!("{}: {error:#}", payload.0));
            }
        }
    }
    for case in http2::CASES {
        if let Err(error) = meet_http2(case, &backend).await {
            wrong.push(format!("HTTP/2, {}: {error:#}", case.0));
        }
    }
    stack.end().await?;
    backend.end().await?;
    ensure!(wrong.is_empty(), "{server:?}: {} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

async fn meet(&(_, bytes, may): &Payload, kind: Kind, backend: &Backend) -> Result<()> {
    let host = format!("Host: {}\r\n", objects::HOST);
    let text = format!("{bytes}GET /last HTTP/1.1\r\n~Connection: close\r\n\r\n").replace('~', &host);
    let bytes: Vec<u8> = text.chars().map(|byte| u8::try_from(u32::from(byte)).expect("a byte")).collect();
    let answer = exchange(&bytes).await?;
    let statuses = answers::statuses(&answer).with_context(|| format!("{:?}", String::from_utf8_lossy(&answer)))?;
    let seen = backend.take()?;
    judge(&statuses, &seen, may, kind).with_context(|| format!("answers {statuses:?}, seen {seen:?}"))?;
    next_is_itself(backend).await
}

/// The same of a request in HTTP/2.
async fn meet_http2(case: &http2::Case, backend: &Backend) -> Result<()> {
    let passed = http2::passed(case, http2::exchange(case).await?)?;
    let seen = backend.take()?;
    let may = if passed { case.3 } else { &[] };
    ensure!(seen.len() == may.len() && seen.iter().zip(may).all(|(seen, may)| same(seen, *may)), "seen {seen:?}");
    next_is_itself(backend).await
}

/// What is left of a request on a connection that we keep would meet the next one.
async fn next_is_itself(backend: &Backend) -> Result<()> {
    let target = Target::named(([127, 0, 0, 1], PUBLIC_PORT).into(), objects::HOST);
    target.get("/next").await?.expect(200).context("the next request")?;
    let next = backend.take()?;
    ensure!(next.len() == 1 && same(&next[0], ("GET", "/next", "")), "the next request was seen as {next:?}");
    Ok(())
}

/// Everything until the connection ends.
async fn exchange(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", PUBLIC_PORT)).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut answer)).await {
        // What we did not read of it makes the end a reset.
        Ok(Ok(_) | Err(_)) => Ok(answer),
        Err(_) => anyhow::bail!("still open after {:?}", String::from_utf8_lossy(&answer)),
    }
}

/// The server saw what may be seen and nothing else, in that order and with an answer each; what it did not see we refused
/// with at most one answer each, for a connection may end at once.
fn judge(statuses: &[u16], seen: &[Understood], may: &[Seen], kind: Kind) -> Result<()> {
    let mut all = may.iter().copied().chain([LAST]);
    ensure!(seen.iter().all(|seen| all.any(|may| same(seen, may))), "another request");
    let passed = statuses.iter().filter(|status| **status == 200).count();
    ensure!(passed == seen.len(), "{passed} answered, {} seen", seen.len());
    let refused = || statuses.iter().filter(|status| **status != 200);
    ensure!(refused().all(|status| (400..=501).contains(status)), "no clear refusal");
    match kind {
        Kind::Good => ensure!(seen.len() == may.len() + 1 && refused().count() == 0, "a good request was refused"),
        Kind::Odd => {}
        Kind::Bad => ensure!(
            refused().count() <= 1 && statuses[..passed].iter().all(|status| *status == 200),
            "served after a refusal"
        ),
    }
    Ok(())
}

fn same(seen: &Understood, may: Seen) -> bool {
    (seen.method.as_str(), seen.target.as_str(), seen.body.as_str()) == may
}
