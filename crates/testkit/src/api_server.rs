//! An API server in memory, behind a `kube::Client`: any kind, as JSON, with the semantics that controllers live by.
//! Versions and conflicts, server-side apply, subresources, watches with their ends, and faults by a plan.
//!
//! Every request runs `service` (HTTP) → `faults` (its fate) → `state` (what it does) → `log`.

mod applying;
mod crd;
mod defaults;
mod delete;
mod list;
mod local;
mod path;
mod scale;
mod selector;
mod service;
mod state;
mod store;
mod token;
mod validate;
mod watch;
mod write;

pub mod apply;
pub mod faults;
pub mod kinds;
pub mod log;
pub mod patch;
pub mod refusal;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Clock, Seed};
use faults::{Asked, Fate, Fault};
use log::Record;
use refusal::Refusal;
use service::Door;
use state::{Answer, Request, State};

pub use local::Local;
pub use path::{Part, Verb};
pub use selector::Selector;
pub use validate::Rule;

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct ApiServer {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    state: Mutex<State>,
    plan: Mutex<(Vec<Fault>, StdRng)>,
    log: Mutex<Vec<Record>>,
    /// Something changed: objects, faults or kinds. (A `watch` channel wakes its receivers in random order.)
    news: Notify,
    /// How often all watches were broken.
    breaks: AtomicU64,
}

impl ApiServer {
    /// A cluster with nothing in it but the namespaces `default` and `kube-system`.
    pub fn new(clock: Clock, seed: Seed) -> Self {
        let mut state = State::new(clock, seed.part("api server"));
        for namespace in ["default", "kube-system"] {
            state.add_namespace(namespace);
        }
        let inner = Inner {
            clock,
            state: Mutex::new(state),
            plan: Mutex::new((Vec::new(), seed.part("api server").stream("faults"))),
            log: Mutex::default(),
            news: Notify::new(),
            breaks: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// A client of this user, which goes through latency and faults. Must be called within a tokio runtime.
    pub fn client(&self, user: &str, namespace: &str) -> kube::Client {
        kube::Client::new(Door { server: self.inner.clone(), user: user.to_owned() }, namespace)
    }

    /// The server as a part of Kubernetes sees it: at once, recorded, without faults.
    pub fn local(&self, user: &str) -> Local {
        Local::new(self.inner.clone(), user)
    }

    /// Serves the kind of a definition.
    pub fn install(&self, definition: &CustomResourceDefinition) {
        if let Some(kind) = crd::kind(definition) {
            self.inner.state.lock().kinds.push(Arc::new(kind));
        }
    }

    /// Holds objects of a kind to a rule: what a CRD says in CEL, or an admission webhook would.
    pub fn rule(&self, api_version: &str, kind: &str, rule: Rule) {
        let mut state = self.inner.state.lock();
        if let Some(id) = state.kind_id(api_version, kind) {
            state.rules.entry(id).or_default().push(rule);
        }
    }

    /// Makes a namespace.
    pub fn add_namespace(&self, name: &str) {
        self.inner.state.lock().add_namespace(name);
        self.inner.news.notify_waiters();
    }

    /// Makes a token good for a user and audiences.
    pub fn issue_token(&self, token: &str, user: &str, audiences: &[&str]) {
        self.inner.state.lock().tokens.issue(token, user, audiences);
    }

    /// A token is good no more.
    pub fn revoke_token(&self, token: &str) {
        self.inner.state.lock().tokens.revoke(token);
    }

    /// Adds to what goes wrong.
    pub fn add_fault(&self, fault: Fault) {
        self.inner.plan.lock().0.push(fault);
        self.inner.news.notify_waiters();
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.inner.plan.lock().0.clear();
        self.inner.news.notify_waiters();
    }

    /// Breaks every watch that runs.
    pub fn break_watches(&self) {
        self.inner.breaks.fetch_add(1, Ordering::Relaxed);
        self.inner.news.notify_waiters();
    }

    /// Forgets the history: who watches from an older version gets 410.
    pub fn compact(&self) {
        self.inner.state.lock().store.compact();
        self.inner.news.notify_waiters();
    }

    /// Every request until now.
    pub fn log(&self) -> Vec<Record> {
        self.inner.log.lock().clone()
    }

    /// Writes that succeeded and that `wanted` means.
    pub fn writes(&self, wanted: impl Fn(&Record) -> bool) -> usize {
        self.inner.log.lock().iter().filter(|record| record.is_write() && wanted(record)).count()
    }

    /// The wall clock.
    pub fn clock(&self) -> Clock {
        self.inner.clock
    }
}

impl Inner {
    fn resource(&self, request: &Request) -> String {
        self.state.lock().kinds[request.target.kind].resource()
    }

    fn fate(&self, request: &Request) -> Fate {
        let kind = self.resource(request);
        let (plan, random) = &mut *self.plan.lock();
        let asked = Asked { user: &request.user, verb: request.verb, kind: &kind };
        faults::decide(plan, asked, self.clock.elapsed(), random)
    }

    /// Whether nobody is there for a user, and when nobody will be next.
    fn away(&self, asked: Asked<'_>) -> (bool, Option<Instant>) {
        let elapsed = self.clock.elapsed();
        let (away, next) = faults::away(&self.plan.lock().0, asked, elapsed);
        (away, next.map(|at| Instant::now() + at.saturating_sub(elapsed)))
    }

    fn breaks(&self) -> u64 {
        self.breaks.load(Ordering::Relaxed)
    }

    fn act(&self, request: &Request) -> Answer {
        let (answer, changed) = {
            let mut state = self.state.lock();
            let before = state.store.version();
            let answer = state.act(request);
            (answer, state.store.version() != before)
        };
        let metadata = answer.as_ref().map_or(&Value::Null, |(_, object)| &object["metadata"]);
        let text = |field: &str| metadata[field].as_str().unwrap_or_default();
        let code = answer.as_ref().map_or_else(|refusal: &Refusal| refusal.code, |(code, _)| *code);
        self.record(request, text("name"), code, text("resourceVersion"));
        if changed {
            self.news.notify_waiters();
        }
        answer
    }

    /// `made` is the name of what a create made.
    fn record(&self, request: &Request, made: &str, code: u16, version: &str) {
        let name = if request.verb == Verb::Create { made } else { &request.target.name };
        let record = Record {
            at: self.clock.elapsed(),
            user: request.user.clone(),
            verb: request.verb,
            kind: self.resource(request),
            part: request.target.part,
            namespace: request.target.namespace.clone(),
            name: name.to_owned(),
            manager: request.query.manager.clone(),
            code,
            version: version.to_owned(),
        };
        self.log.lock().push(record);
    }
}
