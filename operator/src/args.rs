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
    /// Port that public URLs show, when it is not the usual one of their scheme.
    #[arg(long, env = "TODOAPP_PUBLIC_PORT", default_value_t = 80)]
    pub public_port: u16,
    /// Scheme that the outside uses to reach the activators.
    #[arg(long, env = "TODOAPP_PUBLIC_SCHEME", value_enum, default_value = "http")]
    pub public_scheme: Scheme,
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

/// How public URLs begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// The activators, or what is before them, speak TLS.
    Https,
}

impl Args {
    /// Where queue-proxies dial: a full name with a trailing dot, so that it takes one DNS question.
    pub fn hub_address(&self) -> String {
        format!("{}.{}.svc.{}.:{}", self.hub_service, self.namespace, self.cluster_domain, self.hub_port)
    }

    /// Public URL of a host.
    pub fn public_url(&self, host: &str) -> String {
        let (scheme, usual) = match self.public_scheme {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        let port = if self.public_port == usual { String::new() } else { format!(":{}", self.public_port) };
        format!("{scheme}://{host}{port}")
    }

    /// In-cluster URL of a Service.
    pub fn cluster_url(&self, service: &str, namespace: &str) -> String {
        format!("http://{service}.{namespace}.svc.{}", self.cluster_domain)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn public_urls_have_the_port_unless_it_is_the_usual_one() {
        let url = |more: &[&str]| {
            let must = ["operator", "--namespace=n", "--pod-name=p", "--pod-ip=10.0.0.1", "--queue-proxy-image=i"];
            Args::try_parse_from(must.iter().chain(more)).expect("arguments").public_url("web.example")
        };
        assert_eq!(url(&[]), "http://web.example");
        assert_eq!(url(&["--public-port=8080"]), "http://web.example:8080");
        assert_eq!(url(&["--public-scheme=https", "--public-port=443"]), "https://web.example");
        assert_eq!(url(&["--public-scheme=https", "--public-port=80"]), "https://web.example:80");
    }
}
