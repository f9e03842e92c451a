//! Path → answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::ledger;
use crate::stats::{InFlight, Stats, micros_now, variable};

type Answer = Response<Full<Bytes>>;

/// What `/fill` keeps.
static FILLED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// What `/bytes` answers with.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// Answers one request. `/max`, `/count` and `/health` do not count as requests.
pub async fn answer(request: Request<Incoming>, stats: Arc<Stats>) -> Result<Answer, Infallible> {
    let received = micros_now();
    let mut answer = match request.uri().path() {
        "/max" => text(stats.highest().to_string()),
        "/count" => text(stats.count().to_string()),
        "/entries" => text(ledger::page()),
        "/health" => health(&stats, received),
        _ => counted(request, stats.enter()).await,
    };
    let headers = answer.headers_mut();
    for (name, micros) in
        [("testapp-started", stats.started), ("testapp-listening", stats.listening), ("testapp-received", received)]
    {
        headers.insert(name, HeaderValue::from(micros));
    }
    Ok(answer)
}

async fn counted(request: Request<Incoming>, in_flight: InFlight) -> Answer {
    let entry = number(&request, "entry");
    if entry > 0
        && let Err(error) = ledger::write(entry).await
    {
        return status(StatusCode::INTERNAL_SERVER_ERROR, format!("ledger: {error}"));
    }
    match request.uri().path() {
        "/ws" => upgrade(request, in_flight),
        "/who" => text(who()),
        "/env" => text(knative_variables()),
        "/bytes" => bytes(number(&request, "size")),
        "/fill" => fill(number(&request, "mb")),
        "/echo" => match request.into_body().collect().await {
            Ok(body) => Response::new(Full::new(body.to_bytes())),
            Err(error) => status(StatusCode::BAD_REQUEST, error.to_string()),
        },
        _ => {
            burn(Duration::from_millis(number(&request, "burn")));
            tokio::time::sleep(Duration::from_millis(number(&request, "sleep"))).await;
            text(format!("hello from {}", who()))
        }
    }
}

fn number(request: &Request<Incoming>, name: &str) -> u64 {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    form_urlencoded::parse(query).find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

/// Takes a CPU for so long.
fn burn(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn who() -> String {
    format!("{} {}", variable("HOSTNAME"), variable("VERSION"))
}

fn knative_variables() -> String {
    ["PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"].map(|name| format!("{name}={}\n", variable(name))).concat()
}

fn health(stats: &Stats, now: u64) -> Answer {
    let delay_ms = variable("HEALTH_DELAY_MS").parse().unwrap_or(0);
    if now < stats.listening + delay_ms * 1000 {
        return status(StatusCode::SERVICE_UNAVAILABLE, "not yet".to_owned());
    }
    text("healthy".to_owned())
}

/// So many bytes, at most a MiB, without a pause: for benchmarks.
fn bytes(size: u64) -> Answer {
    let size = usize::try_from(size).map_or(ZEROS.len(), |size| size.min(ZEROS.len()));
    Response::new(Full::new(Bytes::from_static(&ZEROS[..size])))
}

fn fill(mb: u64) -> Answer {
    // Written to, or the pages would not be there.
    FILLED.lock().push(vec![1; mb as usize * 1024 * 1024]);
    text(format!("{mb} MB more"))
}

/// 101, then every byte back until the other side closes.
fn upgrade(request: Request<Incoming>, in_flight: InFlight) -> Answer {
    let Some(protocol) = request.headers().get(UPGRADE).cloned() else {
        return status(StatusCode::UPGRADE_REQUIRED, "this path upgrades".to_owned());
    };
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            echo(TokioIo::new(upgraded)).await;
        }
        drop(in_flight);
    });
    let mut answer = status(StatusCode::SWITCHING_PROTOCOLS, String::new());
    answer.headers_mut().insert(UPGRADE, protocol);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer
}

async fn echo(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

fn text(body: String) -> Answer {
    Response::new(Full::new(Bytes::from(body + "\n")))
}

fn status(status: StatusCode, body: String) -> Answer {
    let mut answer = text(body);
    *answer.status_mut() = status;
    answer
}
