//! A namespace of its own for each test.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use api::TodoApp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, Resource};
use serde_json::json;

use crate::app::host;
use crate::cluster::{Cluster, service_address, variable};
use crate::diagnosis;
use crate::http::Target;

/// Label of every namespace that a test made.
pub const LABEL: &str = "todoapp.dev/test";

/// A namespace in which a test may do what it likes.
#[derive(Clone)]
pub struct Space {
    /// The cluster it is in.
    pub cluster: Cluster,
    /// Its name.
    pub name: String,
}

impl Space {
    /// Objects of one kind in it.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client(), &self.name)
    }

    /// Client of the cluster.
    pub fn client(&self) -> Client {
        self.cluster.client.clone()
    }

    /// The public port of the activators, under the app's own host.
    pub async fn target(&self, app: &TodoApp) -> Result<Target> {
        Ok(Target { address: self.cluster.gateway().await?, host: host(app)? })
    }

    /// Where the Service of an app (or a tag) answers inside the cluster.
    pub async fn address(&self, service: &str) -> Result<SocketAddr> {
        service_address(&self.cluster.client, &self.name, service, 80).await
    }
}

/// Runs `test` in a new namespace and panics with its error. When it fails, the state of the namespace is printed first.
/// The namespace is deleted at the end, except with `TODOAPP_KEEP=1`.
pub async fn with_namespace<F>(test: impl FnOnce(Space) -> F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    if let Err(error) = in_new_namespace(test).await {
        panic!("{error:#}");
    }
}

/// As [`with_namespace`], for programs: gives what `work` gives.
pub async fn in_new_namespace<T, F>(work: impl FnOnce(Space) -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let space = create(Cluster::connect().await?).await?;
    let outcome = match tokio::spawn(work(space.clone())).await {
        Ok(outcome) => outcome,
        Err(panic) => Err(anyhow::anyhow!("{panic}")),
    };
    if outcome.is_err() {
        diagnosis::print(&space.cluster, &space.name).await;
    }
    if variable("TODOAPP_KEEP", "") == "1" {
        eprintln!("kept: namespace {}", space.name);
    } else if let Err(error) = delete(&space).await {
        eprintln!("namespace {} stays: {error:#}", space.name);
    }
    outcome
}

async fn create(cluster: Cluster) -> Result<Space> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let name = format!("test-{:08x}", rand::random::<u32>());
    let namespace = serde_json::from_value(json!({ "metadata": { "name": name, "labels": { LABEL: "true" } } }))?;
    api.create(&PostParams::default(), &namespace).await.context("creating a namespace")?;
    Ok(Space { cluster, name })
}

async fn delete(space: &Space) -> Result<()> {
    Api::<Namespace>::all(space.client()).delete(&space.name, &DeleteParams::default()).await?;
    Ok(())
}
