//! What the operator knows of the cluster: one watch a kind, kept in a store, each change passed on as a trigger.

use api::{Revision, TodoApp, labels};
use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::warn;

use crate::store::{By, Key, Store, Watched};

/// Room for triggers on their way to a controller, which takes them at once and keeps each object only once.
const TRIGGERS_MAX: usize = 1024;
/// Objects of one answer to a list, all of which are in memory for a moment.
const PAGE: u32 = 100;

/// The stores, all of them in memory.
#[derive(Clone)]
pub struct Stores {
    /// Every app.
    pub apps: Store<TodoApp>,
    /// Every revision.
    pub revisions: Store<Revision>,
    /// Deployments of revisions.
    pub deployments: Store<Value>,
    /// Services of apps, tags and revisions.
    pub services: Store<Value>,
    /// EndpointSlices of the same.
    pub slices: Store<EndpointSlice>,
    /// Pods of revisions.
    pub pods: Store<Pod>,
    /// EndpointSlices of the activators' own Service.
    pub activators: Store<EndpointSlice>,
}

/// Whose entries with the autoscaler may be old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// All revisions of an app.
    App(Key),
    /// One revision.
    Revision(Key),
}

/// Where triggers go.
#[derive(Clone)]
struct Triggers {
    apps: mpsc::Sender<Key>,
    revisions: mpsc::Sender<Key>,
    roster: mpsc::Sender<Subject>,
}

/// Where triggers arrive.
pub struct Queues {
    /// Apps to reconcile.
    pub apps: mpsc::Receiver<Key>,
    /// For apps to be reconciled besides those that changed.
    pub again: mpsc::Sender<Key>,
    /// Revisions to reconcile.
    pub revisions: mpsc::Receiver<Key>,
    /// For revisions to be reconciled besides those that changed.
    pub revisions_again: mpsc::Sender<Key>,
    /// What to tell the autoscaler anew.
    pub roster: mpsc::Receiver<Subject>,
}

/// Begins all watches; they run until `tasks` is dropped.
pub fn watch(
    client: &kube::Client,
    namespace: &str,
    activator_service: &str,
    tasks: &mut JoinSet<()>,
) -> (Stores, Queues) {
    let (apps_in, apps_out) = mpsc::channel(TRIGGERS_MAX);
    let (revisions_in, revisions_out) = mpsc::channel(TRIGGERS_MAX);
    let (roster_in, roster_out) = mpsc::channel(TRIGGERS_MAX);
    let (again, revisions_again) = (apps_in.clone(), revisions_in.clone());
    let to = Triggers { apps: apps_in, revisions: revisions_in, roster: roster_in };
    let all = watcher::Config::default().page_size(PAGE);
    let ours = all.clone().labels(labels::APP);
    let of_activators = all.clone().labels(&format!("kubernetes.io/service-name={activator_service}"));
    let stores = Stores::new();

    let app = |to: Triggers, app: ObjectMeta| async move { to.app(&app).await };
    let revision = |to: Triggers, revision: ObjectMeta| async move { to.revision(&revision).await };
    let child = |to: Triggers, child: ObjectMeta| async move { to.child(&child).await };
    let known = stores.apps.clone();
    let everyone = move |to: Triggers, _: ObjectMeta| {
        let apps = known.keys(0..known.slots());
        async move { to.send_apps(apps).await }
    };
    follow::<TodoApp, _, _, _>(Api::all(client.clone()), all.clone(), &stores.apps, &to, tasks, app);
    follow::<Revision, _, _, _>(Api::all(client.clone()), all, &stores.revisions, &to, tasks, revision);
    follow::<Deployment, _, _, _>(Api::all(client.clone()), ours.clone(), &stores.deployments, &to, tasks, child);
    follow::<Service, _, _, _>(Api::all(client.clone()), ours.clone(), &stores.services, &to, tasks, child);
    follow::<EndpointSlice, _, _, _>(Api::all(client.clone()), ours.clone(), &stores.slices, &to, tasks, child);
    follow::<Pod, _, _, _>(Api::all(client.clone()), ours, &stores.pods, &to, tasks, child);
    let activators = Api::namespaced(client.clone(), namespace);
    follow::<EndpointSlice, _, _, _>(activators, of_activators, &stores.activators, &to, tasks, everyone);
    (stores, Queues { apps: apps_out, again, revisions: revisions_out, revisions_again, roster: roster_out })
}

impl Stores {
    /// Empty ones.
    pub fn new() -> Self {
        Self {
            apps: Store::new(&[]),
            revisions: Store::new(&[By::Uid, By::Controller]),
            deployments: Store::new(&[]),
            services: Store::new(&[By::Controller]),
            slices: Store::new(&[By::Controller, By::Revision]),
            pods: Store::new(&[By::Revision]),
            activators: Store::new(&[]),
        }
    }

    /// Pods of a revision that take requests, by the cluster's word.
    pub fn ready_endpoints(&self, revision_uid: &str) -> impl Iterator<Item = Endpoint> + use<> {
        let slices = self.slices.by(By::Revision, revision_uid);
        let endpoints = slices.into_iter().flat_map(|slice| slice.endpoints.into_iter().flatten());
        endpoints.filter(|e| e.conditions.as_ref().is_some_and(|c| c.ready == Some(true)))
    }

    /// Returns when every store had its first list.
    pub async fn listed(&self) {
        self.apps.listed().await;
        self.revisions.listed().await;
        self.deployments.listed().await;
        self.services.listed().await;
        self.slices.listed().await;
        self.pods.listed().await;
        self.activators.listed().await;
    }
}

/// Keeps `store` true to the cluster.
fn follow<R, K, F, Fut>(
    api: Api<Watched<R>>,
    config: watcher::Config,
    store: &Store<K>,
    to: &Triggers,
    tasks: &mut JoinSet<()>,
    trigger: F,
) where
    R: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + 'static,
    K: DeserializeOwned + Send + Sync + 'static,
    F: Fn(Triggers, ObjectMeta) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let (store, to) = (store.clone(), to.clone());
    tasks.spawn(async move {
        let mut events = watcher(api, config).default_backoff().boxed();
        loop {
            match events.try_next().await {
                Ok(Some(event)) => {
                    for touched in store.take(event) {
                        trigger(to.clone(), touched).await;
                    }
                }
                Ok(None) => return,
                Err(error) => warn!(%error, "a watch broke and begins anew"),
            }
        }
    });
}

impl Triggers {
    async fn app(&self, app: &ObjectMeta) {
        self.send_roster(Subject::App(Key::of(app))).await;
        self.send_apps(vec![Key::of(app)]).await;
    }

    async fn revision(&self, revision: &ObjectMeta) {
        self.send_roster(Subject::Revision(Key::of(revision))).await;
        self.send_apps(belongs_to(revision, labels::APP).into_iter().collect()).await;
        self.send_revision(Key::of(revision)).await;
    }

    /// Whatever belongs to a revision triggers it and its app, whatever belongs to an app alone triggers that.
    async fn child(&self, child: &ObjectMeta) {
        if let Some(revision) = belongs_to(child, labels::REVISION) {
            self.send_roster(Subject::Revision(revision.clone())).await;
            self.send_revision(revision).await;
        }
        self.send_apps(belongs_to(child, labels::APP).into_iter().collect()).await;
    }

    // A receiver is gone only when the process ends.
    async fn send_apps(&self, apps: Vec<Key>) {
        for app in apps {
            let _ = self.apps.send(app).await;
        }
    }

    async fn send_revision(&self, revision: Key) {
        let _ = self.revisions.send(revision).await;
    }

    async fn send_roster(&self, subject: Subject) {
        let _ = self.roster.send(subject).await;
    }
}

fn belongs_to(object: &ObjectMeta, label: &str) -> Option<Key> {
    let name = object.labels.as_ref()?.get(label)?;
    Some(Key::new(object.namespace.clone()?, name))
}
