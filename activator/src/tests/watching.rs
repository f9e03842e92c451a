use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use parking_lot::Mutex;
use proxy::{
    Body,
    listen::{self, Limits},
    net,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::world::{Pod, World, get};
use crate::watch;

/// An API server with a list of each kind and a watch of each that says what the test says.
#[derive(Default)]
pub(super) struct ApiServer {
    pub(super) lists: Mutex<Vec<(&'static str, Vec<Value>)>>,
    watches: Mutex<Vec<(String, mpsc::UnboundedSender<Value>)>>,
    pub(super) queries: Mutex<Vec<String>>,
}

impl ApiServer {
    fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        let query = request.uri().query().unwrap_or_default();
        self.queries.lock().push(format!("{path}?{query}"));
        let resource = path.rsplit('/').next().unwrap_or_default();
        if query.contains("watch=true") {
            let (sender, receiver) = mpsc::unbounded_channel::<Value>();
            self.watches.lock().push((resource.to_owned(), sender));
            let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
                let line = format!("{}\n", receiver.recv().await?);
                Some((Ok::<_, Infallible>(Frame::data(Bytes::from(line))), receiver))
            });
            return Response::new(Body::boxed(StreamBody::new(stream)));
        }
        let lists = self.lists.lock();
        let items = lists.iter().find(|(kind, _)| *kind == resource).map_or(&[][..], |(_, items)| items);
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items});
        Response::new(Body::full(list.to_string()))
    }

    /// Serves it; gives a client of it.
    pub(super) fn client(self: &Arc<Self>) -> kube::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = net::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::clone(self);
        let handler = move |request: Request<Incoming>, _| std::future::ready(server.answer(&request));
        tokio::spawn(listen::serve(listener, handler, Limits::default(), CancellationToken::new(), Duration::ZERO));
        kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap()
    }

    /// Says something to the watch of `resource`, as soon as there is one.
    pub(super) async fn event(&self, resource: &str, kind: &str, object: Value) {
        loop {
            let watch = self.watches.lock().iter().find(|(of, _)| of == resource).map(|(_, sender)| sender.clone());
            if let Some(watch) = watch {
                watch.send(json!({"type": kind, "object": object})).unwrap();
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn app(revision: &str) -> Value {
    json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "TodoApp",
        "metadata": {"name": "web", "namespace": "default", "resourceVersion": "2"},
        "spec": {"template": {"spec": {"containers": [{"image": "i"}]}}},
        "status": {"url": "http://web.default.test", "traffic": [{"revision": revision, "percent": 100}]},
    })
}

fn revision(name: &str) -> Value {
    json!({
        "apiVersion": "todoapp.dev/v1alpha1", "kind": "Revision",
        "metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}"), "resourceVersion": "2",
            "labels": {"todoapp.dev/app": "web"}},
        "spec": {"template": {"spec": {"containers": [{"image": "i"}]}}},
    })
}

fn slice(revision: &str, ready: bool) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": format!("{revision}-x"), "namespace": "default", "resourceVersion": "2",
            "labels": {"todoapp.dev/revision": revision, "todoapp.dev/revision-uid": format!("uid-{revision}")}},
        "endpoints": [
            {"addresses": ["10.1.2.3"], "conditions": {"ready": ready}},
            {"addresses": ["10.1.2.4"], "conditions": {"ready": true, "terminating": true}},
        ],
        "ports": [{"port": 8012}],
    })
}

/// Polls what is not told: the store is the watch's own.
pub(super) async fn until(what: impl Fn() -> bool) {
    let seen = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("it comes to pass");
}

#[tokio::test]
async fn lists_then_changes_become_routes() {
    let server = Arc::new(ApiServer::default());
    *server.lists.lock() = vec![
        ("todoapps", vec![app("web-1")]),
        ("revisions", vec![revision("web-1")]),
        ("endpointslices", vec![slice("web-1", true)]),
    ];
    let World { activator, revisions, store, public, .. } = World::new();
    let client = server.client();
    let (synced, is_synced) = oneshot::channel();
    tokio::spawn(watch::run(client, store, Arc::clone(&activator.shared), synced));
    is_synced.await.unwrap();

    let first = revisions.get("uid-web-1").unwrap();
    assert_eq!(first.describe()["endpoints"], json!([{"address": "10.1.2.3:8012", "outstanding": 0}]));
    assert!(activator.tables.load().hosts.contains_key("web.default.test"));
    let queries = server.queries.lock().clone();
    assert!(
        queries.iter().any(|q| q.contains("endpointslices?") && q.contains("labelSelector=todoapp.dev%2Frevision")),
        "{queries:?}"
    );

    server.event("endpointslices", "MODIFIED", slice("web-1", false)).await;
    until(|| first.describe()["endpoints"] == json!([])).await;

    let pod = Pod::new("second");
    revisions.hear(wire::Down::EndpointUp {
        endpoint: wire::Endpoint { revision_uid: "uid-web-2".to_owned(), address: pod.address },
        share: 0,
    });
    server.event("revisions", "ADDED", revision("web-2")).await;
    server.event("todoapps", "MODIFIED", app("web-2")).await;
    until(|| activator.tables.load().hosts.values().any(|to| format!("{to:?}").contains("uid-web-2"))).await;
    assert_eq!(get(public, "web.default.test").await.header("pod"), "second");

    server.event("todoapps", "DELETED", app("web-2")).await;
    until(|| activator.tables.load().hosts.is_empty()).await;
    assert_eq!(get(public, "web.default.test").await.status, 404);
}
