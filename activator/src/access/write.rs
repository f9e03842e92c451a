//! The lines themselves, and the thread that writes them.

use std::{
    io::Write,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use http::Method;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

/// Bytes that are written at a time.
const BATCH: usize = 64 << 10;

/// What the thread is given.
pub(super) enum Work {
    Line(Box<Line>),
    /// Everything before this is to be written; tell then.
    Flush(oneshot::Sender<()>),
}

/// One request, as it is written.
#[derive(Serialize)]
pub(super) struct Line {
    #[serde(serialize_with = "time")]
    pub(super) time: SystemTime,
    pub(super) kind: &'static str,
    #[serde(serialize_with = "method")]
    pub(super) method: Method,
    pub(super) host: String,
    pub(super) path: String,
    /// None: the client left before there was an answer.
    pub(super) status: Option<u16>,
    /// Why the answer is an error of ours; `broken` if it ended too early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    /// Bytes of the answer's body, where they were known from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<u64>,
    pub(super) duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hold_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cold: Option<bool>,
    #[serde(flatten)]
    pub(super) routed: Option<Routed>,
    pub(super) peer: IpAddr,
    pub(super) tls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace_id: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Routed {
    pub(super) namespace: String,
    pub(super) app: String,
    pub(super) revision: String,
}

/// Writes line after line, as many at a time as there are.
pub(super) fn lines(mut work: mpsc::Receiver<Work>, mut out: impl Write) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut done = Vec::new();
    while let Some(first) = work.blocking_recv() {
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Work::Line(line) => {
                    // A line is plain data: it can always be written as JSON.
                    let _ = serde_json::to_writer(&mut batch, &line);
                    batch.push(b'\n');
                }
                Work::Flush(waiter) => done.push(waiter),
            }
            next = if batch.len() < BATCH { work.try_recv().ok() } else { None };
        }
        // Without anybody to read them, lines are lost.
        let _ = out.write_all(&batch).and_then(|()| out.flush());
        batch.clear();
        for waiter in done.drain(..) {
            // It may have had no more patience.
            let _ = waiter.send(());
        }
    }
}

fn time<S: serde::Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let time = jiff::Timestamp::try_from(*time).unwrap_or_default();
    serializer.collect_str(&format_args!("{time:.3}"))
}

fn method<S: serde::Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(method.as_str())
}

/// Milliseconds to the microsecond.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_micros() as f64 / 1000.0
}
