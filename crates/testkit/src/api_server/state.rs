//! What the server holds, and what a request is once it is understood.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::kinds::{self, Kind};
use super::patch::PatchKind;
use super::path::{Target, Verb};
use super::refusal::Refusal;
use super::selector::Selector;
use super::store::{Key, KindId, Store};
use super::token::Tokens;
use super::validate::Rule;
use crate::{Clock, Seed};

/// Letters of generated names (k8s.io/apimachinery/pkg/util/rand).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A request that is understood.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who asks.
    pub user: String,
    /// What for.
    pub verb: Verb,
    /// Of what.
    pub target: Target,
    /// How.
    pub query: Query,
    /// Form of a patch.
    pub patch: Option<PatchKind>,
    /// What was sent; null if nothing.
    pub body: Value,
}

/// What stands behind the `?`.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// `fieldManager`.
    pub manager: Option<String>,
    /// `force`.
    pub force: bool,
    /// `labelSelector` and `fieldSelector`.
    pub selector: Selector,
    /// `limit`; 0: none.
    pub limit: usize,
    /// `continue`.
    pub go_on: String,
    /// `resourceVersion`.
    pub version: String,
    /// `timeoutSeconds`.
    pub timeout_seconds: Option<u64>,
    /// `allowWatchBookmarks`.
    pub bookmarks: bool,
    /// `sendInitialEvents`.
    pub initial_events: bool,
}

/// An answer: HTTP status and object.
pub type Answer = Result<(u16, Arc<Value>), Refusal>;

/// All that the server holds.
#[derive(Debug)]
pub struct State {
    /// Kinds served.
    pub kinds: Vec<Arc<Kind>>,
    /// Objects.
    pub store: Store,
    /// Tokens of service accounts.
    pub tokens: Tokens,
    /// Rules of kinds beyond the built-in ones.
    pub rules: BTreeMap<KindId, Vec<Rule>>,
    /// Wall time.
    pub clock: Clock,
    random: StdRng,
    serial: u64,
}

impl State {
    /// An empty cluster.
    pub fn new(clock: Clock, seed: Seed) -> Self {
        Self {
            kinds: kinds::built_in().into_iter().map(Arc::new).collect(),
            store: Store::default(),
            tokens: Tokens::default(),
            rules: BTreeMap::new(),
            clock,
            random: seed.stream("uids"),
            serial: 0,
        }
    }

    /// Does what a request asks for. Watches are not its business.
    pub fn act(&mut self, request: &Request) -> Answer {
        match request.verb {
            Verb::Get => self.read(request),
            Verb::List => self.list(request),
            Verb::Create => self.create(request),
            Verb::Update => self.update(request),
            Verb::Patch => self.patch(request),
            Verb::Apply => self.apply(request),
            Verb::Delete => self.delete(request),
            Verb::DeleteCollection => self.delete_all(request),
            Verb::Watch => Err(Refusal::bad_request("a watch is a stream")),
        }
    }

    /// The object that a target names.
    pub fn existing(&self, target: &Target) -> Result<Arc<Value>, Refusal> {
        let found = self.store.get(&key(target)).cloned();
        found.ok_or_else(|| Refusal::not_found(&self.kinds[target.kind], &target.name))
    }

    /// Which of the kinds has this name in objects, in any group but that of old Events.
    pub fn kind_id(&self, api_version: &str, kind: &str) -> Option<KindId> {
        self.kinds.iter().position(|known| known.kind == kind && known.api_version() == api_version)
    }

    /// A new UID.
    pub fn uid(&mut self) -> String {
        let bits: u128 = self.random.random();
        let hex = format!("{bits:032x}");
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// The end of a generated name.
    pub fn suffix(&mut self) -> String {
        (0..5).map(|_| char::from(LETTERS[self.random.random_range(0..LETTERS.len())])).collect()
    }

    /// A number that no other object has.
    pub fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn read(&self, request: &Request) -> Answer {
        let object = self.existing(&request.target)?;
        Ok((200, super::write::part(&object, request.target.part)))
    }

    fn list(&self, request: &Request) -> Answer {
        super::list::list(self, request).map(|list| (200, Arc::new(list)))
    }

    /// A new, empty namespace.
    pub fn add_namespace(&mut self, name: &str) {
        let Some(kind) = self.kind_id("v1", "Namespace") else { return };
        let mut object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name, "uid": self.uid(), "creationTimestamp": self.clock.time(),
            "labels": { "kubernetes.io/metadata.name": name } } });
        super::defaults::fill("Namespace", &mut object, 0);
        self.store.put((kind, String::new(), name.to_owned()), object);
    }
}

/// Where a target's object is stored.
pub fn key(target: &Target) -> Key {
    (target.kind, target.namespace.clone(), target.name.clone())
}
