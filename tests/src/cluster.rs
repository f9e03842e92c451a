//! Where the tests run, and what is reachable from here.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

/// The cluster in `KUBECONFIG` and the installation in it.
#[derive(Clone)]
pub struct Cluster {
    /// Client with the rights of `KUBECONFIG`.
    pub client: Client,
    /// Namespace of the installation.
    pub system: String,
}

/// A process of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The operator.
    Operator,
    /// The activator.
    Activator,
}

impl Component {
    /// Name of its Deployment.
    pub fn deployment(self) -> &'static str {
        match self {
            Self::Operator => "todoapp-operator",
            Self::Activator => "todoapp-activator",
        }
    }

    /// Selects its pods.
    pub fn selector(self) -> &'static str {
        match self {
            Self::Operator => "app.kubernetes.io/component=operator,app.kubernetes.io/name=todoapp",
            Self::Activator => "app.kubernetes.io/component=activator,app.kubernetes.io/name=todoapp",
        }
    }

    /// User name of its service account.
    pub fn user(self, system: &str) -> String {
        format!("system:serviceaccount:{system}:{}", self.deployment())
    }
}

/// Value of a variable, or what it is without.
pub fn variable(name: &str, default: &str) -> String {
    std::env::var(name).ok().filter(|v| !v.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// Reference of one of the project's images, such as `todoapp-testapp`.
pub fn image(name: &str) -> String {
    let prefix = variable("TODOAPP_IMAGE_PREFIX", "todoapp.local");
    format!("{prefix}/{name}:{}", variable("TODOAPP_IMAGE_TAG", env!("CARGO_PKG_VERSION")))
}

impl Cluster {
    /// Connects.
    pub async fn connect() -> Result<Self> {
        let client = Client::try_default().await.context("no cluster: KUBECONFIG must lead to one")?;
        Ok(Self { client, system: variable("TODOAPP_NAMESPACE", "todoapp-system") })
    }

    /// Whether addresses of pods and Services can be dialled from here.
    pub fn is_direct() -> bool {
        variable("TODOAPP_CLUSTER", "") == "local"
    }

    /// Where the public port of the activators is: `TODOAPP_GATEWAY`, or the address of their Service.
    pub async fn gateway(&self) -> Result<SocketAddr> {
        if let Ok(address) = std::env::var("TODOAPP_GATEWAY") {
            return address.parse().with_context(|| format!("TODOAPP_GATEWAY: '{address}' must be IP:PORT"));
        }
        service_address(&self.client, &self.system, "todoapp-activator", 80).await
    }

    /// As [`Self::is_direct`]; says that the test is skipped when not.
    pub fn needs_direct() -> bool {
        if !Self::is_direct() {
            println!("skipped: needs to dial pods, which only the project's own node allows");
        }
        Self::is_direct()
    }

    /// Pods of one of our processes that are not ending.
    pub async fn pods(&self, component: Component) -> Result<Vec<Pod>> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.system);
        let list = api.list(&ListParams::default().labels(component.selector())).await?;
        Ok(list.items.into_iter().filter(|p| p.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Addresses of the admin ports of one of our processes, with the pod's name.
    pub async fn admin(&self, component: Component) -> Result<Vec<(String, SocketAddr)>> {
        self.pods(component).await?.iter().map(|p| Ok((p.name_any(), pod_address(p, 9090)?))).collect()
    }
}

/// Address of a Service inside the cluster.
pub async fn service_address(client: &Client, namespace: &str, name: &str, port: u16) -> Result<SocketAddr> {
    let service = Api::<Service>::namespaced(client.clone(), namespace).get(name).await?;
    let ip = service.spec.and_then(|s| s.cluster_ip).context("Service without clusterIP")?;
    Ok(SocketAddr::new(ip.parse().with_context(|| format!("clusterIP '{ip}' of Service {name}"))?, port))
}

/// Address of a pod.
pub fn pod_address(pod: &Pod, port: u16) -> Result<SocketAddr> {
    let ip = pod.status.as_ref().and_then(|s| s.pod_ip.as_deref()).context("pod without address")?;
    Ok(SocketAddr::new(ip.parse()?, port))
}

/// Whether the pod is Ready.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}
