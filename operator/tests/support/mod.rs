//! The operator as it is, on an API server in memory, in real time.
#![allow(dead_code, reason = "not every test needs every part")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::{Revision, TodoApp};
use clap::Parser;
use kube::CustomResourceExt;
use operator::args::Args;
use operator::clock::Clock;
use operator::start::{Machine, run_on};
use serde_json::{Value, json};
use testkit::api_server::{Local, Selector};
use testkit::net::Dialer;
use testkit::{ApiServer, Network, Seed};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub const REVISION: (&str, &str) = ("todoapp.dev/v1alpha1", "Revision");
pub const TODOAPP: (&str, &str) = ("todoapp.dev/v1alpha1", "TodoApp");
pub const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
pub const EVENT: (&str, &str) = ("events.k8s.io/v1", "Event");
pub const NAMESPACE: &str = "default";
const SYSTEM: &str = "todoapp-system";
const PATIENCE: Duration = Duration::from_mins(1);

/// An API server and an operator that leads; all ends when it is dropped.
pub struct World {
    pub server: ApiServer,
    pub view: Local,
    _operator: JoinSet<()>,
}

impl World {
    /// With these settings in the ConfigMap.
    pub fn start(settings: &Value) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seed = Seed::new(1);
        let server = ApiServer::new(testkit::Clock::start_at(jiff::Timestamp::now()), seed);
        server.install(&TodoApp::crd());
        server.install(&Revision::crd());
        server.add_namespace(SYSTEM);
        let view = server.local("test");
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": settings,
            "metadata": { "name": "todoapp-settings", "namespace": SYSTEM } });
        view.create(map).expect("a ConfigMap");
        let address = "10.0.0.9";
        let given = ["operator", "--namespace", SYSTEM, "--pod-name", "operator-0", "--pod-ip", address];
        let args = Args::parse_from(given.into_iter().chain(["--queue-proxy-image", "todoapp.local/queue-proxy:1"]));
        let host = Network::new(seed).host(address.parse::<IpAddr>().expect("an address"));
        let machine =
            Machine { client: server.client("operator", SYSTEM), clock: Clock::system(), network: Dialer(host) };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let ended = run_on(machine, args, CancellationToken::new()).await;
            panic!("the operator ended: {ended:?}");
        });
        Self { server, view, _operator: tasks }
    }

    /// Other settings.
    pub fn set(&self, settings: &Value) {
        let map = self.view.get(("v1", "ConfigMap"), SYSTEM, "todoapp-settings").expect("made at the start");
        self.view.patch(&map, json!({ "data": settings })).expect("a ConfigMap");
    }

    /// Makes an app, or changes its template.
    pub fn apply(&self, name: &str, pod: Value) {
        let spec = json!({ "template": { "spec": pod } });
        match self.view.get(TODOAPP, NAMESPACE, name) {
            Some(app) => self.view.patch(&app, json!({ "spec": spec })).expect("an app"),
            None => self.create(json!({ "apiVersion": TODOAPP.0, "kind": TODOAPP.1, "spec": spec,
                "metadata": { "name": name, "namespace": NAMESPACE } })),
        };
    }

    pub fn create(&self, object: Value) -> Arc<Value> {
        self.view.create(object).unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    pub fn revision(&self, name: &str) -> Value {
        self.view.get(REVISION, NAMESPACE, name).map(|found| found.as_ref().clone()).unwrap_or_default()
    }

    /// Names of the revisions that there are.
    pub fn revisions(&self) -> Vec<String> {
        let all = self.view.list(REVISION, NAMESPACE, &Selector::default());
        all.iter().filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until there is something to say; panics with what there was instead.
    pub async fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            let objects = || [REVISION, TODOAPP].map(|kind| self.view.list(kind, NAMESPACE, &Selector::default()));
            assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}\n{:#?}", objects());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The condition of this type: status, reason and message.
pub fn condition(object: &Value, kind: &str) -> Option<(String, String, String)> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind)?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Some((text("status"), text("reason"), text("message")))
}
