//! The story of a cold start: begun by the first request, told when it is over, in one line of the log and in figures.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use proxy::headers::{TRACEPARENT, TRACESTATE};
use tokio::time::Instant;

use crate::{
    access::{millis, trace_id},
    metrics::{Phase, Woke},
    revision::Shared,
    table::key::Key,
};

/// A cold start that is under way. Dropped, it is over: whatever was not reached by then is left out.
pub(crate) struct ColdStart {
    shared: Arc<Shared>,
    pub(crate) key: Key,
    pub(crate) app: Box<str>,
    pub(crate) began: Instant,
    /// The demand is on its way to the hub.
    pub(crate) told: Option<Instant>,
    /// The hub has said that pods are wanted.
    pub(crate) scaled: Option<Instant>,
    pub(crate) ended: Option<(Woke, Instant)>,
    pub(crate) held: usize,
    /// The trace that the first request belongs to (W3C).
    pub(crate) headers: HeaderMap,
    /// When the first request left for the pod, when its answer began, and with which status.
    pub(crate) answered: Option<(Instant, Instant, u16)>,
}

impl std::fmt::Debug for ColdStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ColdStart({})", self.key)
    }
}

/// Times since the beginning.
#[derive(Debug, Default, PartialEq)]
struct Phases {
    demand: Option<Duration>,
    scale: Option<Duration>,
    pod: Option<Duration>,
}

impl ColdStart {
    pub(crate) fn new(shared: Arc<Shared>, key: Key, app: &str, began: Instant) -> Box<Self> {
        let app = app.into();
        Box::new(Self {
            shared,
            key,
            app,
            began,
            told: None,
            scaled: None,
            ended: None,
            held: 0,
            headers: HeaderMap::new(),
            answered: None,
        })
    }

    /// There is a pod, or there will be none; so many wait.
    pub(crate) fn over(&mut self, how: Woke, held: usize) {
        self.ended = Some((how, Instant::now()));
        self.held = held;
    }

    /// The first request is about to leave with these headers.
    pub(crate) fn released(&mut self, headers: &HeaderMap) {
        for name in [TRACEPARENT, TRACESTATE] {
            if let Some(value) = headers.get(&name) {
                self.headers.insert(name, value.clone());
            }
        }
    }

    /// How it ended, and when.
    pub(crate) fn end(&self) -> (Woke, Instant) {
        self.ended.unwrap_or_else(|| (Woke::Departed, Instant::now()))
    }

    /// The first request has its answer.
    pub(crate) fn answered(&mut self, sent: Instant, status: u16) {
        self.answered = Some((sent, Instant::now(), status));
    }

    /// How long each part took. Pods may come without a word of the hub, by the slices alone.
    fn phases(&self) -> Phases {
        let told = self.told.unwrap_or(self.began);
        let ready = self.ended.filter(|(how, _)| *how == Woke::Ready).map(|(_, at)| at);
        let since = |from: Instant| move |at: Instant| at.saturating_duration_since(from);
        Phases {
            demand: self.told.map(since(self.began)),
            scale: self.scaled.map(since(told)),
            pod: ready.map(since(self.scaled.unwrap_or(told))),
        }
    }
}

impl Drop for ColdStart {
    fn drop(&mut self) {
        let (how, ended) = self.end();
        let metrics = &self.shared.metrics;
        metrics.woke(how);
        let phases = self.phases();
        let wake = (how == Woke::Ready).then(|| ended.saturating_duration_since(self.began));
        for (phase, took) in [
            (Phase::Demand, phases.demand),
            (Phase::Scale, phases.scale),
            (Phase::Pod, phases.pod),
            (Phase::Wake, wake),
        ] {
            if let Some(took) = took {
                metrics.phase(phase, took);
            }
        }
        let since = |at: Instant| millis(at.saturating_duration_since(self.began));
        tracing::info!(
            namespace = self.key.namespace(),
            app = &*self.app,
            revision = self.key.name(),
            result = how.label(),
            wake_ms = since(ended),
            held = self.held,
            told_ms = self.told.map(since),
            scaled_ms = self.scaled.map(since),
            released_ms = self.answered.map(|(sent, ..)| since(sent)),
            answered_ms = self.answered.map(|(_, answered, _)| since(answered)),
            status = self.answered.map(|(.., status)| status),
            trace_id = trace_id(&self.headers),
            "cold start"
        );
        if let Some(also) = &self.shared.cold_start {
            also(self);
        }
    }
}
