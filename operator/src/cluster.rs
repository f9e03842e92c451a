//! What the operator knows of the cluster: one watch a kind, kept in a store, each change passed on as a trigger.

use std::fmt::Debug;
use std::hash::Hash;

use api::{Revision, TodoApp, labels};
use futures_util::{StreamExt, TryStreamExt, future};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::Api;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::warn;

use crate::compact::Compact;

/// Room for triggers on their way to a controller, which takes them at once and keeps each object only once.
const TRIGGERS_MAX: usize = 1024;

/// The stores, all of them in memory.
#[derive(Clone)]
pub struct Stores {
    /// Every app.
    pub apps: Store<TodoApp>,
    /// Every revision.
    pub revisions: Store<Revision>,
    /// Deployments of revisions.
    pub deployments: Store<Compact<Deployment>>,
    /// Services of apps, tags and revisions.
    pub services: Store<Compact<Service>>,
    /// EndpointSlices of the same.
    pub slices: Store<EndpointSlice>,
    /// Pods of revisions.
    pub pods: Store<Pod>,
    /// EndpointSlices of the activators' own Service.
    pub activators: Store<EndpointSlice>,
}

/// Where triggers go.
#[derive(Clone)]
pub struct Triggers {
    apps: mpsc::Sender<ObjectRef<TodoApp>>,
    revisions: mpsc::Sender<ObjectRef<Revision>>,
    roster: mpsc::Sender<ObjectRef<Revision>>,
}

/// Where triggers arrive.
pub struct Queues {
    /// Apps to reconcile.
    pub apps: mpsc::Receiver<ObjectRef<TodoApp>>,
    /// Revisions to reconcile.
    pub revisions: mpsc::Receiver<ObjectRef<Revision>>,
    /// Revisions whose entry with the autoscaler may be old.
    pub roster: mpsc::Receiver<ObjectRef<Revision>>,
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
    let to = Triggers { apps: apps_in, revisions: revisions_in, roster: roster_in };
    let all = watcher::Config::default();
    let ours = all.clone().labels(labels::APP);
    let of_activators = all.clone().labels(&format!("kubernetes.io/service-name={activator_service}"));

    let apps = spawn(Api::all(client.clone()), all.clone(), (), &to, tasks, Triggers::app);
    let stores = Stores {
        revisions: spawn(Api::all(client.clone()), all, (), &to, tasks, Triggers::revision),
        deployments: spawn(Api::all(client.clone()), ours.clone(), (), &to, tasks, Triggers::child),
        services: spawn(Api::all(client.clone()), ours.clone(), (), &to, tasks, Triggers::child),
        slices: spawn(Api::all(client.clone()), ours.clone(), (), &to, tasks, Triggers::child),
        pods: spawn(Api::all(client.clone()), ours, (), &to, tasks, Triggers::child),
        activators: {
            let known = apps.clone();
            let everyone = move |to: Triggers, _: EndpointSlice| {
                let refs: Vec<_> = known.state().iter().map(|app| ObjectRef::from_obj(app.as_ref())).collect();
                async move { to.send_apps(refs).await }
            };
            spawn(Api::namespaced(client.clone(), namespace), of_activators, (), &to, tasks, everyone)
        },
        apps,
    };
    (stores, Queues { apps: apps_out, revisions: revisions_out, roster: roster_out })
}

impl Stores {
    /// Returns when every store had its first list.
    pub async fn synced(&self) -> anyhow::Result<()> {
        future::try_join_all([
            futures_util::FutureExt::boxed(self.apps.wait_until_ready()),
            futures_util::FutureExt::boxed(self.revisions.wait_until_ready()),
            futures_util::FutureExt::boxed(self.deployments.wait_until_ready()),
            futures_util::FutureExt::boxed(self.services.wait_until_ready()),
            futures_util::FutureExt::boxed(self.slices.wait_until_ready()),
            futures_util::FutureExt::boxed(self.pods.wait_until_ready()),
            futures_util::FutureExt::boxed(self.activators.wait_until_ready()),
        ])
        .await?;
        Ok(())
    }
}

fn spawn<K, F, Fut>(
    api: Api<K>,
    config: watcher::Config,
    kind: K::DynamicType,
    to: &Triggers,
    tasks: &mut JoinSet<()>,
    trigger: F,
) -> Store<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Hash + Eq + Clone + Debug + Send + Sync + Unpin,
    F: Fn(Triggers, K) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let writer = Writer::new(kind);
    let store = writer.as_reader();
    let to = to.clone();
    tasks.spawn(async move {
        let mut changes = watcher(api, config)
            .default_backoff()
            // Of no use here, and half of an object's size: who wrote which field, and what kubectl applied last.
            .modify(|object| {
                object.meta_mut().managed_fields = None;
                object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
            })
            .reflect(writer)
            .touched_objects()
            .boxed();
        loop {
            match changes.try_next().await {
                Ok(Some(object)) => trigger(to.clone(), object).await,
                Ok(None) => return,
                Err(error) => warn!(%error, "a watch broke and begins anew"),
            }
        }
    });
    store
}

impl Triggers {
    async fn app(self, app: TodoApp) {
        let namespace = app.namespace().unwrap_or_default();
        for revision in app.status.iter().flat_map(|s| &s.traffic) {
            self.send_roster(ObjectRef::new(&revision.revision).within(&namespace)).await;
        }
        self.send_apps(vec![ObjectRef::from_obj(&app)]).await;
    }

    async fn revision(self, revision: Revision) {
        let reference = ObjectRef::from_obj(&revision);
        self.send_roster(reference.clone()).await;
        self.send_apps(app_of(&revision).into_iter().collect()).await;
        self.send_revision(reference).await;
    }

    /// Whatever belongs to a revision triggers it and its app, whatever belongs to an app alone triggers that.
    async fn child<K: Resource>(self, child: K) {
        let namespace = child.namespace().unwrap_or_default();
        if let Some(name) = child.labels().get(labels::REVISION) {
            let reference = ObjectRef::new(name).within(&namespace);
            self.send_roster(reference.clone()).await;
            self.send_revision(reference).await;
        }
        self.send_apps(app_of(&child).into_iter().collect()).await;
    }

    // A receiver is gone only when the process ends.
    async fn send_apps(&self, apps: Vec<ObjectRef<TodoApp>>) {
        for app in apps {
            let _ = self.apps.send(app).await;
        }
    }

    async fn send_revision(&self, revision: ObjectRef<Revision>) {
        let _ = self.revisions.send(revision).await;
    }

    async fn send_roster(&self, revision: ObjectRef<Revision>) {
        let _ = self.roster.send(revision).await;
    }
}

fn app_of(object: &impl ResourceExt) -> Option<ObjectRef<TodoApp>> {
    let name = object.labels().get(labels::APP)?;
    Some(ObjectRef::new(name).within(&object.namespace()?))
}
