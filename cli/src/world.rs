//! What the tests of verbs run against: the API server of the testkit, with answers of our own for what it does not serve
//! (pods' logs and proxies, discovery, reviews).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use api::{Revision, TodoApp};
use http::{Method, Request, Response};
use kube::client::Body;
use kube::{Client, CustomResourceExt};
use parking_lot::Mutex;
use serde_json::{Value, json};
use testkit::{ApiServer, Clock, Seed};
use tower_service::Service;

use crate::session::Session;

/// Where todoapp is installed.
pub const SYSTEM: &str = "todoapp-system";

/// An answer to requests of this method and path, whatever their query.
pub struct Canned {
    pub method: Method,
    pub path: &'static str,
    pub status: u16,
    pub body: String,
}

/// A cluster with our kinds.
pub struct World {
    pub server: ApiServer,
    pub session: Session,
    /// Method, path and query of all requests that got an answer of our own.
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl World {
    /// With these answers of our own.
    pub fn new(canned: Vec<Canned>) -> Self {
        let server = ApiServer::new(Clock::start(), Seed::new(1));
        server.install(&TodoApp::crd());
        server.install(&Revision::crd());
        server.add_namespace(SYSTEM);
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let inner = server.client("somebody", "default");
        let door = Door { inner, canned: Arc::new(canned), asked: Arc::clone(&asked) };
        let session = Session { client: Client::new(door, "default"), namespace: "default".to_owned() };
        Self { server, session, asked }
    }

    /// Makes an object, its status included.
    pub fn make(&self, object: &Value) {
        let local = self.server.local("somebody else");
        local.create(object.clone()).expect("made");
        if object["status"].is_object() {
            self.say(object);
        }
    }

    /// Writes a part of an object's status.
    pub fn say(&self, object: &Value) {
        let local = self.server.local("somebody else");
        local.patch_status(object, object["status"].clone()).expect("written");
    }
}

/// An app of one revision, ready.
pub fn app(name: &str) -> Value {
    let first = format!("{name}-00001");
    json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
        "metadata": { "name": name, "namespace": "default" },
        "spec": { "template": { "spec": { "containers": [{ "image": "i" }] } } },
        "status": {
            "observedGeneration": 1,
            "conditions": [condition("Ready", "True", "Ready", "requests are answered")],
            "url": format!("http://{name}.default.todoapp.local"),
            "latestReadyRevision": first,
            "traffic": [{ "revision": first, "percent": 100 }],
            "activity": "Idle", "replicas": 0,
        },
    })
}

/// A revision of an app, ready.
pub fn revision(app: &str, number: u32) -> Value {
    let name = format!("{app}-{number:05}");
    let labels = json!({ "todoapp.dev/app": app, "todoapp.dev/number": number.to_string() });
    json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
        "metadata": { "name": name, "namespace": "default", "labels": labels },
        "spec": { "template": { "spec": { "containers": [{ "image": "i" }] } } },
        "status": { "conditions": [condition("Ready", "True", "Ready", "a pod was ready")], "desired": 0, "replicas": 0 },
    })
}

/// A pod of a revision that runs and is ready.
pub fn pod(app: &str, revision: &str, name: &str) -> Value {
    let labels = json!({ "todoapp.dev/app": app, "todoapp.dev/revision": revision });
    let running = |name: &str| {
        let (state, id) = (json!({ "running": {} }), format!("containerd://{name}-1"));
        json!({ "name": name, "state": state, "containerID": id, "ready": true, "restartCount": 0, "image": "i",
            "imageID": "i" })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "default", "labels": labels },
        "spec": { "containers": [
            { "name": "queue-proxy", "image": "q", "ports": [{ "containerPort": 8012 }] },
            { "name": "app", "image": "i", "ports": [{ "containerPort": 8080 }] },
        ] },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }],
            "containerStatuses": [running("queue-proxy"), running("app")] },
    })
}

/// A condition.
pub fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z" })
}

/// A Lease that this pod holds.
pub fn lease(holder: &str) -> Value {
    json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "todoapp-operator", "namespace": SYSTEM }, "spec": { "holderIdentity": holder } })
}

#[derive(Clone)]
struct Door {
    inner: Client,
    canned: Arc<Vec<Canned>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service<Request<Body>> for Door {
    type Response = Response<Body>;
    type Error = kube::Error;
    type Future = Pin<Box<dyn Future<Output = kube::Result<Response<Body>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<kube::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move {
            let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
            let bare = request.uri().path();
            let is_meant = |canned: &&Canned| *request.method() == canned.method && bare == canned.path;
            let Some(canned) = door.canned.iter().find(is_meant) else { return door.inner.send(request).await };
            door.asked.lock().push(format!("{} {path}", canned.method));
            let answer = Response::builder().status(canned.status).body(Body::from(canned.body.clone().into_bytes()));
            Ok(answer.expect("a response"))
        })
    }
}
