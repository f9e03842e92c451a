//! What is looked at. Each fact by itself may be unknown, for want of a right for example.

use std::fmt::Debug;
use std::time::Duration;

use api::labels::{self, LEASE};
use api::{Revision, TodoApp};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;
use kube::{CustomResourceExt, Resource};
use serde::de::DeserializeOwned;

use super::findings::LEASE_FRESH;
use super::rights::{self, Right};
use crate::args::Check;
use crate::objects;
use crate::session::Session;

/// Deployment of the operator.
pub const OPERATOR: &str = "todoapp-operator";
/// Deployment of the activators.
pub const ACTIVATOR: &str = "todoapp-activator";
/// Service through which the leader is found.
pub const HUB: &str = "todoapp-hub";
/// ConfigMap of the cluster's settings.
pub const SETTINGS: &str = "todoapp-settings";
/// More than the leader lets pass between two renewals.
const RENEWAL: Duration = Duration::from_secs(5);

/// A fact, or why it is not known.
pub type Known<T> = Result<T, String>;

/// A kind as it should be, and as the cluster has it.
pub struct Crd {
    /// As this version of the command knows it.
    pub own: CustomResourceDefinition,
    /// As it is installed.
    pub installed: Known<Option<CustomResourceDefinition>>,
}

/// All that is looked at.
pub struct Facts {
    /// Namespace of the installation.
    pub system: String,
    /// Major and minor version of the API server.
    pub version: Known<(u32, u32)>,
    /// Our kinds.
    pub crds: Vec<Crd>,
    /// Deployment of the operator.
    pub operator: Known<Option<Deployment>>,
    /// Deployment of the activators.
    pub activator: Known<Option<Deployment>>,
    /// Who leads.
    pub lease: Known<Option<Lease>>,
    /// Whether a Lease that looked old was renewed while we watched.
    pub renewed: bool,
    /// The pod that leads.
    pub leader: Known<Option<Pod>>,
    /// EndpointSlices of the hub.
    pub hub: Known<Vec<EndpointSlice>>,
    /// Settings of the cluster.
    pub settings: Known<Option<ConfigMap>>,
    /// Deployments of revisions.
    pub deployments: Known<Vec<Deployment>>,
    /// What the caller may do.
    pub rights: Vec<(Right, Known<bool>)>,
    /// The apps.
    pub apps: Known<Vec<TodoApp>>,
}

/// Asks the cluster for all of it.
pub async fn gather(session: &Session, args: &Check) -> Facts {
    let system = args.system_namespace.as_str();
    let apps = args.target.namespace.as_deref();
    let lease = one::<Lease>(session, system, LEASE).await;
    let holder = holder(&lease).map(str::to_owned);
    let leader = match &holder {
        Some(pod) => one::<Pod>(session, system, pod).await,
        None => Ok(None),
    };
    let hub = format!("kubernetes.io/service-name={HUB}");
    Facts {
        version: version(session).await,
        crds: vec![crd::<TodoApp>(session).await, crd::<Revision>(session).await],
        operator: one(session, system, OPERATOR).await,
        activator: one(session, system, ACTIVATOR).await,
        renewed: renewed(session, system, &lease).await,
        lease,
        leader,
        hub: many(session, Some(system), &hub).await,
        settings: one(session, system, SETTINGS).await,
        deployments: many(session, apps, labels::REVISION_UID).await,
        rights: rights::ask(session, system).await,
        apps: many(session, apps, "").await,
        system: system.to_owned(),
    }
}

/// The pod that holds the Lease.
pub fn holder(lease: &Known<Option<Lease>>) -> Option<&str> {
    let spec = lease.as_ref().ok()?.as_ref()?.spec.as_ref()?;
    spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// Clocks differ: whether an old time is old is seen by whether another one comes.
async fn renewed(session: &Session, system: &str, lease: &Known<Option<Lease>>) -> bool {
    let time = |lease: &Known<Option<Lease>>| lease.as_ref().ok()?.as_ref()?.spec.as_ref()?.renew_time.clone();
    let Some(first) = time(lease) else { return false };
    if Timestamp::now().duration_since(first.0).unsigned_abs() <= LEASE_FRESH {
        return true;
    }
    tokio::time::sleep(RENEWAL).await;
    time(&one::<Lease>(session, system, LEASE).await).is_some_and(|second| second != first)
}

async fn version(session: &Session) -> Known<(u32, u32)> {
    let info = session.client.apiserver_version().await.map_err(|error| error.to_string())?;
    // Some distributions write `34+`.
    let number = |text: &str| text.trim_end_matches('+').parse().map_err(|_| format!("`{text}` is no version"));
    Ok((number(&info.major)?, number(&info.minor)?))
}

async fn crd<K: CustomResourceExt>(session: &Session) -> Crd {
    let own = K::crd();
    let api = Api::<CustomResourceDefinition>::all(session.client.clone());
    let installed = api.get_opt(own.metadata.name.as_deref().unwrap_or_default()).await;
    let installed = installed.map_err(|error| denied::<CustomResourceDefinition>("get", "*", &error));
    Crd { own, installed }
}

async fn one<K>(session: &Session, namespace: &str, name: &str) -> Known<Option<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let found = Api::<K>::namespaced(session.client.clone(), namespace).get_opt(name).await;
    found.map_err(|error| denied::<K>("get", namespace, &error))
}

async fn many<K>(session: &Session, namespace: Option<&str>, selector: &str) -> Known<Vec<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    objects::list(&session.client, namespace, selector).await.map_err(|error| error.to_string())
}

fn denied<K: Resource<DynamicType = ()>>(verb: &str, namespace: &str, error: &kube::Error) -> String {
    objects::denied::<K>(verb, namespace, error).to_string()
}
