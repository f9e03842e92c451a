//! The server without HTTP, latency and faults: for the parts of Kubernetes that the simulation plays, and for tests to
//! look and to set the scene.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::Inner;
use super::faults::Asked;
use super::patch::PatchKind;
use super::path::{Part, Target, Verb};
use super::refusal::Refusal;
use super::selector::Selector;
use super::state::{Query, Request};

/// The server as one user sees it.
#[derive(Clone)]
pub struct Local {
    server: Arc<Inner>,
    user: String,
}

/// One kind, by `apiVersion` and `kind`.
pub type KindName = (&'static str, &'static str);

impl Local {
    pub(super) fn new(server: Arc<Inner>, user: &str) -> Self {
        Self { server, user: user.to_owned() }
    }

    /// Tells when something may have changed.
    pub fn news(&self) -> &Notify {
        &self.server.news
    }

    /// Whether the server is away for this user.
    pub fn is_away(&self) -> bool {
        self.server.away(Asked { user: &self.user, verb: Verb::Watch, kind: "" }).0
    }

    /// The version of the last change of any of these kinds; of all, if none is named.
    pub fn version(&self, kinds: &[KindName]) -> u64 {
        let state = self.server.state.lock();
        if kinds.is_empty() {
            return state.store.version();
        }
        let of = |kind: &KindName| state.kind_id(kind.0, kind.1).map(|id| state.store.version_of(id));
        kinds.iter().filter_map(of).max().unwrap_or(0)
    }

    /// The wall clock.
    pub fn clock(&self) -> crate::Clock {
        self.server.clock
    }

    /// Objects of a kind, in name order; an empty namespace means all. Not recorded: parts of Kubernetes have caches.
    pub fn list(&self, kind: KindName, namespace: &str, selector: &Selector) -> Vec<Arc<Value>> {
        let state = self.server.state.lock();
        let Some(id) = state.kind_id(kind.0, kind.1) else { return Vec::new() };
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        let found = state.store.of_kind(id, namespace).map(|(_, object)| object);
        found.filter(|object| selector.matches(object)).cloned().collect()
    }

    /// Every object of every kind.
    pub fn all(&self) -> Vec<Arc<Value>> {
        self.server.state.lock().store.all().map(|(_, object)| object.clone()).collect()
    }

    /// One object. Not recorded.
    pub fn get(&self, kind: KindName, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let state = self.server.state.lock();
        let id = state.kind_id(kind.0, kind.1)?;
        state.store.get(&(id, namespace.to_owned(), name.to_owned())).cloned()
    }

    /// A new object, of the kind and in the namespace that it names.
    pub fn create(&self, object: Value) -> Result<Arc<Value>, Refusal> {
        self.act(Verb::Create, &object.clone(), Part::Main, None, object)
    }

    /// The whole of an object anew.
    pub fn update(&self, object: Value) -> Result<Arc<Value>, Refusal> {
        self.act(Verb::Update, &object.clone(), Part::Main, None, object)
    }

    /// A merge patch of an object.
    pub fn patch(&self, object: &Value, patch: Value) -> Result<Arc<Value>, Refusal> {
        self.act(Verb::Patch, object, Part::Main, Some(PatchKind::Merge), patch)
    }

    /// A merge patch of an object's status; `status` is what stands below `status`.
    pub fn patch_status(&self, object: &Value, status: Value) -> Result<Arc<Value>, Refusal> {
        self.act(Verb::Patch, object, Part::Status, Some(PatchKind::Merge), json!({ "status": status }))
    }

    /// Ends this very object (its UID counts), with these `DeleteOptions`.
    pub fn delete(&self, object: &Value, options: Value) -> Result<(), Refusal> {
        let mut options = options;
        options["preconditions"]["uid"] = object["metadata"]["uid"].clone();
        self.act(Verb::Delete, object, Part::Main, None, options).map(|_| ())
    }

    fn act(
        &self,
        verb: Verb,
        about: &Value,
        part: Part,
        patch: Option<PatchKind>,
        body: Value,
    ) -> Result<Arc<Value>, Refusal> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = self.server.state.lock().kind_id(&text(&about["apiVersion"]), &text(&about["kind"]));
        let target = Target {
            kind: id.ok_or_else(Refusal::no_such_path)?,
            namespace: text(&about["metadata"]["namespace"]),
            name: if verb == Verb::Create { String::new() } else { text(&about["metadata"]["name"]) },
            part,
        };
        let request = Request { user: self.user.clone(), verb, target, query: Query::default(), patch, body };
        self.server.act(&request).map(|(_, object)| object)
    }
}
