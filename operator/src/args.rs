//! What the process is started with.

use std::net::IpAddr;

use clap::Parser;

/// Settings of the operator; each may come from the environment as well.
#[derive(Debug, Clone, Parser)]
#[command(name = "operator", version, about = "Turns TodoApps into revisions that run, sleep and wake.")]
pub struct Args {
    /// Namespace of the installation: Lease, hub and master key live here.
    #[arg(long, env = "TODOAPP_NAMESPACE")]
    pub namespace: String,
    /// Name of this pod; the identity in the Lease.
    #[arg(long, env = "TODOAPP_POD_NAME")]
    pub pod_name: String,
    /// Address of this pod; what the hub's EndpointSlice points at while this process leads.
    #[arg(long, env = "TODOAPP_POD_IP")]
    pub pod_ip: IpAddr,
    /// Domain of the cluster's own names.
    #[arg(long, env = "TODOAPP_CLUSTER_DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,
    /// Port that public URLs show, when it is not 80.
    #[arg(long, env = "TODOAPP_PUBLIC_PORT", default_value_t = 80)]
    pub public_port: u16,
    /// Image of the sidecar.
    #[arg(long, env = "TODOAPP_QUEUE_PROXY_IMAGE")]
    pub queue_proxy_image: String,
    /// ConfigMap with the cluster's settings, in the own namespace.
    #[arg(long, env = "TODOAPP_SETTINGS", default_value = "todoapp-settings")]
    pub settings: String,
    /// Service of the activators, in the own namespace.
    #[arg(long, env = "TODOAPP_ACTIVATOR_SERVICE", default_value = "todoapp-activator")]
    pub activator_service: String,
    /// Service account of the activators, in the own namespace.
    #[arg(long, env = "TODOAPP_ACTIVATOR_SERVICE_ACCOUNT", default_value = "todoapp-activator")]
    pub activator_service_account: String,
    /// Service through which activators and queue-proxies find the leader.
    #[arg(long, env = "TODOAPP_HUB_SERVICE", default_value = "todoapp-hub")]
    pub hub_service: String,
    /// Port of the hub.
    #[arg(long, env = "TODOAPP_HUB_PORT", default_value_t = 9000)]
    pub hub_port: u16,
    /// Port of /live, /ready, /metrics, /debug/state, /debug/decisions and /wake.
    #[arg(long, env = "TODOAPP_ADMIN_PORT", default_value_t = api::labels::OPERATOR_ADMIN_PORT)]
    pub admin_port: u16,
    /// Log filter, such as `info` or `info,operator=debug`.
    #[arg(long, env = "TODOAPP_LOG", default_value = "info")]
    pub log: String,
}

impl Args {
    /// Where queue-proxies dial: a full name with a trailing dot, so that it takes one DNS question.
    pub fn hub_address(&self) -> String {
        format!("{}.{}.svc.{}.:{}", self.hub_service, self.namespace, self.cluster_domain, self.hub_port)
    }

    /// Public URL of a host.
    pub fn public_url(&self, host: &str) -> String {
        let port = if self.public_port == 80 { String::new() } else { format!(":{}", self.public_port) };
        format!("http://{host}{port}")
    }

    /// In-cluster URL of a Service.
    pub fn cluster_url(&self, service: &str, namespace: &str) -> String {
        format!("http://{service}.{namespace}.svc.{}", self.cluster_domain)
    }
}
