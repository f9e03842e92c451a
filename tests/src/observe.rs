//! Looking at what the system made of an app.

use std::fmt::Debug;
use std::sync::Arc;

use anyhow::{Context, Result};
use api::labels::{self, LEASE};
use futures_util::{StreamExt, pin_mut};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::cluster::is_ready;
use crate::{Cluster, Space};

fn of_app(app: &str) -> ListParams {
    ListParams::default().labels(&format!("{}={app}", labels::APP))
}

/// All pods of an app, also those that are ending.
pub async fn pods(space: &Space, app: &str) -> Result<Vec<Pod>> {
    Ok(space.api::<Pod>().list(&of_app(app)).await?.items)
}

/// Pods of an app that are Ready and not ending.
pub async fn ready_pods(space: &Space, app: &str) -> Result<Vec<Pod>> {
    let pods = pods(space, app).await?;
    Ok(pods.into_iter().filter(|p| is_ready(p) && p.metadata.deletion_timestamp.is_none()).collect())
}

/// The Deployments of an app's revisions.
pub async fn deployments(space: &Space, app: &str) -> Result<Vec<Deployment>> {
    Ok(space.api::<Deployment>().list(&of_app(app)).await?.items)
}

/// The Deployment of an app with one revision.
pub async fn deployment(space: &Space, app: &str) -> Result<Deployment> {
    let all = deployments(space, app).await?;
    all.into_iter().next().with_context(|| format!("app {app} has no Deployment"))
}

/// Every change of `spec.replicas` of an app's first Deployment, from when it was told to look.
#[derive(Clone)]
pub struct Scale {
    seen: Seen<i32>,
}

impl Scale {
    /// Begins to look; ends with the runtime.
    pub async fn watch(space: &Space, app: &str) -> Result<Self> {
        let name = deployment(space, app).await?.name_any();
        let replicas = |deployment: Deployment| deployment.spec.replicas;
        Ok(Self { seen: follow(space.api(), &name, replicas) })
    }

    /// The value now.
    pub fn now(&self) -> Option<i32> {
        self.seen.lock().last().map(|(_, replicas)| *replicas)
    }

    /// How often it went to zero and came back.
    pub fn cycles(&self) -> usize {
        self.seen.lock().windows(2).filter(|pair| pair[0].1 == 0 && pair[1].1 > 0).count()
    }

    /// All values in order, each with when it was seen.
    pub fn changes(&self) -> Vec<(Instant, i32)> {
        self.seen.lock().clone()
    }

    /// All values in order.
    pub fn history(&self) -> Vec<i32> {
        self.seen.lock().iter().map(|(_, replicas)| *replicas).collect()
    }
}

/// Who holds the leader's Lease, from when it was told to look.
pub struct Holder {
    seen: Seen<String>,
}

impl Holder {
    /// Begins to look; ends with the runtime.
    pub fn watch(cluster: &Cluster) -> Self {
        let api = Api::namespaced(cluster.client.clone(), &cluster.system);
        Self { seen: follow(api, LEASE, |lease: Lease| lease.spec?.holder_identity) }
    }

    /// The holder, and when it was first seen to be that.
    pub fn latest(&self) -> Option<(Instant, String)> {
        self.seen.lock().last().cloned()
    }
}

/// Values that follow each other, each with when it was seen first.
type Seen<T> = Arc<Mutex<Vec<(Instant, T)>>>;

/// Every change of a value of one object; ends with the runtime.
fn follow<K, T>(api: Api<K>, name: &str, value: impl Fn(K) -> Option<T> + Send + 'static) -> Seen<T>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    T: PartialEq + Send + 'static,
{
    let seen = Seen::default();
    let (noted, object) = (Arc::clone(&seen), watcher::Config::default().fields(&format!("metadata.name={name}")));
    tokio::spawn(async move {
        let changes = watcher(api, object).default_backoff().applied_objects();
        pin_mut!(changes);
        while let Some(change) = changes.next().await {
            let value = change.ok().and_then(&value);
            let mut noted = noted.lock();
            if let Some(value) = value
                && noted.last().is_none_or(|(_, last)| *last != value)
            {
                noted.push((Instant::now(), value));
            }
        }
    });
    seen
}
