//! One watch: a cursor into the history of changes, told as a stream of lines.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::Inner;
use super::faults::{Asked, Fate};
use super::path::Verb;
use super::refusal::Refusal;
use super::state::{Request, State};
use super::store::Change;

/// Between two bookmarks (`bookmarkFrequency` of the watch cache).
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// How long a watch lasts that asks for no end: the least of `--min-request-timeout`.
const LASTS: Duration = Duration::from_mins(30);

/// A watch that runs.
pub struct Watching {
    server: Arc<Inner>,
    request: Request,
    /// `deployments.apps`.
    kind: String,
    /// Everything up to this version was told.
    told: u64,
    queue: VecDeque<Value>,
    ends: Instant,
    breaks: Option<Instant>,
    lag: Duration,
    bookmark: Instant,
    /// How often all watches had been broken when this one began.
    broken_before: u64,
    over: bool,
}

enum Step {
    Tell(Value),
    Break,
    End,
    Wait(Instant),
}

impl Watching {
    /// Begins to watch what a request asks for.
    pub fn begin(server: &Arc<Inner>, request: Request, fate: &Fate) -> Result<Self, Refusal> {
        let now = Instant::now();
        let lasts = request.query.timeout_seconds.map_or(LASTS, Duration::from_secs);
        let state = server.state.lock();
        let (told, queue) = first(&state, &request)?;
        Ok(Self {
            told,
            queue,
            ends: now + lasts,
            breaks: fate.watch_breaks.map(|after| now + after),
            lag: fate.watch_lag,
            bookmark: now + BOOKMARK_EVERY,
            broken_before: server.breaks(),
            over: false,
            kind: state.kinds[request.target.kind].resource(),
            request,
            server: server.clone(),
        })
    }

    /// The next line.
    pub async fn next(mut self) -> Option<(io::Result<Frame<Bytes>>, Self)> {
        let server = self.server.clone();
        loop {
            if self.over {
                return None;
            }
            // Before the look, so that nothing is missed between the two.
            let mut news = pin!(server.news.notified());
            news.as_mut().enable();
            match self.step() {
                Step::Tell(event) => {
                    let line = Bytes::from(format!("{event}\n"));
                    return Some((Ok(Frame::data(line)), self));
                }
                Step::Break => {
                    self.over = true;
                    return Some((Err(io::ErrorKind::ConnectionReset.into()), self));
                }
                Step::End => return None,
                Step::Wait(until) => tokio::select! {
                    biased;
                    () = news => {}
                    () = sleep_until(until) => {}
                },
            }
        }
    }

    fn step(&mut self) -> Step {
        let now = Instant::now();
        let asked = Asked { user: &self.request.user, verb: Verb::Watch, kind: &self.kind };
        let (away, next_away) = self.server.away(asked);
        let broken = self.breaks.is_some_and(|at| now >= at) || self.server.breaks() != self.broken_before;
        if away || broken {
            return Step::Break;
        }
        if let Some(event) = self.queue.pop_front() {
            self.over = event["type"] == "ERROR";
            return Step::Tell(event);
        }
        let server = self.server.clone();
        let state = server.state.lock();
        if self.told < state.store.compacted() {
            self.over = true;
            return Step::Tell(too_old(self.told, state.store.compacted()));
        }
        let mut late = None;
        for change in state.store.after(self.told) {
            if change.at + self.lag > now {
                late = Some(change.at + self.lag);
                break;
            }
            self.told = change.version;
            if let Some(event) = event(change, &self.request) {
                return Step::Tell(event);
            }
        }
        if now >= self.ends {
            return Step::End;
        }
        if self.request.query.bookmarks && now >= self.bookmark {
            self.bookmark = now + BOOKMARK_EVERY;
            return Step::Tell(bookmark(&state, &self.request, self.told, false));
        }
        Step::Wait(
            [late, self.breaks, next_away, Some(self.bookmark)].into_iter().flatten().fold(self.ends, Instant::min),
        )
    }
}

/// Where a watch begins: after which version, and what is told before.
fn first(state: &State, request: &Request) -> Result<(u64, VecDeque<Value>), Refusal> {
    let now = state.store.version();
    match request.query.version.as_str() {
        "" | "0" => {}
        version => {
            let asked: u64 = version.parse().map_err(|_| {
                Refusal::bad_request(format!("Invalid value: \"{version}\": resourceVersion must be a number"))
            })?;
            if asked > now {
                let message = format!("Too large resource version: {asked}, current: {now}");
                return Err(Refusal::new(504, "Timeout", message));
            }
            if asked < state.store.compacted() {
                // Told within the stream, as the watch cache does.
                return Ok((asked, [too_old(asked, state.store.compacted())].into()));
            }
            if !request.query.initial_events {
                return Ok((asked, VecDeque::new()));
            }
        }
    }
    let namespace = Some(request.target.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let found = state.store.of_kind(request.target.kind, namespace).map(|(_, object)| object);
    let mut queue: VecDeque<_> = found.filter(|o| is_meant(o, request)).map(|o| told("ADDED", o)).collect();
    if request.query.initial_events && request.query.bookmarks {
        queue.push_back(bookmark(state, request, now, true));
    }
    Ok((now, queue))
}

fn is_meant(object: &Value, request: &Request) -> bool {
    let name = &request.target.name;
    request.query.selector.matches(object) && (name.is_empty() || object["metadata"]["name"] == name.as_str())
}

/// What a watch is told of a change: an object that it means no more is gone for it.
fn event(change: &Change, request: &Request) -> Option<Value> {
    let target = &request.target;
    if change.key.0 != target.kind || (!target.namespace.is_empty() && change.key.1 != target.namespace) {
        return None;
    }
    let was = change.old.as_ref().filter(|old| is_meant(old, request));
    let is = !change.gone && is_meant(&change.new, request);
    match (was, is) {
        (None, true) => Some(told("ADDED", &change.new)),
        (Some(_), true) => Some(told("MODIFIED", &change.new)),
        (Some(_), false) if change.gone => Some(told("DELETED", &change.new)),
        (Some(old), false) => {
            let mut last = old.as_ref().clone();
            last["metadata"]["resourceVersion"] = change.version.to_string().into();
            Some(told("DELETED", &last))
        }
        (None, false) => None,
    }
}

fn told(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}

fn bookmark(state: &State, request: &Request, version: u64, initial_end: bool) -> Value {
    let kind = &state.kinds[request.target.kind];
    let mut metadata = json!({ "resourceVersion": version.to_string(), "creationTimestamp": null });
    if initial_end {
        metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
    }
    told("BOOKMARK", &json!({ "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": metadata }))
}

fn too_old(asked: u64, oldest: u64) -> Value {
    told("ERROR", &Refusal::expired(format!("too old resource version: {asked} ({oldest})")).status())
}
