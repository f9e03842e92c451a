//! The access log: one JSON line on standard output for each request that is over, or for a sample of them.
//!
//! What a line says is gathered on the way of the request; a thread of its own writes it. The queue between the two is
//! bounded, and what does not fit is dropped and counted. Off, none of it is there.

mod write;

use std::{io::Write, sync::Arc, thread, time::Duration};

use http::{HeaderMap, Request, StatusCode};
use prometheus::{IntCounter, Registry};
use proxy::{
    headers::{self, TRACEPARENT},
    listen::ConnInfo,
};
use rand::RngExt as _;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

pub(crate) use self::write::millis;
use self::write::{Line, Routed, Work};
use crate::{hold::Held, metrics::registered, revision::Revision, wakes::Now};

/// How long the end of the process waits for what is left.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// What is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sampling {
    /// Share of all requests, 0 to 1.
    pub(crate) ratio: f64,
    /// Paths with their query.
    pub(crate) query: bool,
    /// Lines that wait to be written at most.
    pub(crate) queue: usize,
}

/// Where lines go.
pub(crate) struct Access {
    sampling: Sampling,
    now: Now,
    lines: mpsc::Sender<Work>,
    dropped: IntCounter,
}

/// A request whose line is written when this is dropped, which is when its answer is over.
pub(crate) struct Telling {
    access: Arc<Access>,
    arrived: Instant,
    /// Taken when it is sent.
    line: Option<Box<Line>>,
}

impl Access {
    /// Begins to write to `out`, in a thread that ends with the last handle.
    ///
    /// # Errors
    /// There can be no further thread.
    pub(crate) fn begin(
        sampling: Sampling,
        now: Now,
        registry: &Registry,
        out: impl Write + Send + 'static,
    ) -> std::io::Result<Arc<Self>> {
        let dropped = registered(
            registry,
            IntCounter::new(
                "todoapp_access_log_dropped_total",
                "Lines of the access log that were dropped because nobody took them in time.",
            ),
        );
        let (lines, work) = mpsc::channel(sampling.queue);
        thread::Builder::new().name("access-log".to_owned()).spawn(move || write::lines(work, out))?;
        Ok(Arc::new(Self { sampling, now, lines, dropped }))
    }

    /// The line of a request that has just come, if it is to have one.
    pub(crate) fn sample<B>(
        self: &Arc<Self>,
        request: &Request<B>,
        connection: &ConnInfo,
        arrived: Instant,
    ) -> Option<Box<Telling>> {
        let Sampling { ratio, query, .. } = self.sampling;
        if ratio < 1.0 && !rand::rng().random_bool(ratio) {
            return None;
        }
        let uri = request.uri();
        let path = if query { uri.path_and_query().map_or("", |path| path.as_str()) } else { uri.path() };
        let line = Line {
            time: (self.now)(),
            kind: "access",
            method: request.method().clone(),
            host: headers::authority(request).unwrap_or_default().to_owned(),
            path: path.to_owned(),
            status: None,
            reason: None,
            length: None,
            duration_ms: 0.0,
            hold_ms: None,
            cold: None,
            routed: None,
            peer: connection.peer.ip(),
            tls: connection.secure().is_some(),
            trace_id: None,
        };
        Some(Box::new(Telling { access: Arc::clone(self), arrived, line: Some(Box::new(line)) }))
    }

    /// Waits until what there is has been written, for a while.
    pub(crate) async fn flush(&self) {
        let written = async {
            let (done, is_done) = oneshot::channel();
            if self.lines.send(Work::Flush(done)).await.is_ok() {
                // Not told when the writer could not go on.
                let _ = is_done.await;
            }
        };
        let _ = timeout(END_PATIENCE, written).await;
    }
}

impl Telling {
    /// What the app will be told of the request.
    pub(crate) fn outbound(&mut self, headers: &HeaderMap) {
        self.set(|line| line.trace_id = trace_id(headers));
    }

    /// It was led to a revision, and perhaps held.
    pub(crate) fn routed(&mut self, revision: &Revision, held: &Held) {
        let [namespace, app, revision] = revision.labels().map(str::to_owned);
        self.set(|line| {
            line.routed = Some(Routed { namespace, app, revision });
            line.hold_ms = held.was_in.then(|| millis(held.waited));
            line.cold = held.cold.then_some(true);
        });
    }

    /// The status of the answer, and why it is one of ours.
    pub(crate) fn answered(&mut self, status: StatusCode, reason: Option<&'static str>) {
        self.set(|line| (line.status, line.reason) = (Some(status.as_u16()), reason));
    }

    /// Its answer has this length.
    pub(crate) fn length(&mut self, bytes: Option<u64>) {
        self.set(|line| line.length = bytes);
    }

    /// The answer ended before it was whole.
    pub(crate) fn broken(&mut self) {
        self.set(|line| line.reason = Some("broken"));
    }

    fn set(&mut self, what: impl FnOnce(&mut Line)) {
        if let Some(line) = &mut self.line {
            what(line);
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        line.duration_ms = millis(self.arrived.elapsed());
        if self.access.lines.try_send(Work::Line(line)).is_err() {
            self.access.dropped.inc();
        }
    }
}

/// Trace of a W3C `traceparent`.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let parent = headers.get(TRACEPARENT)?.to_str().ok()?;
    let id = parent.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}
