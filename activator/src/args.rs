//! Flags; each has an environment variable too.

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, time::Duration};

use clap::Parser;
use ipnet::IpNet;
use proxy::headers::Begin;

/// One argument, whatever is in it.
type Networks = Vec<IpNet>;

use crate::table::key::Key;

/// Routes requests to apps and holds them while an app wakes.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Args {
    /// Name of the own pod.
    #[arg(long, env = "TODOAPP_POD_NAME")]
    pub(crate) pod_name: String,
    /// Namespace of the installation; the hub's Service is there.
    #[arg(long, env = "TODOAPP_NAMESPACE", default_value = "todoapp-system")]
    pub(crate) namespace: String,
    /// DNS domain of the cluster.
    #[arg(long, env = "TODOAPP_CLUSTER_DOMAIN", default_value = "cluster.local")]
    pub(crate) cluster_domain: String,
    /// host:port of the operator's hub, if it is not the Service `todoapp-hub` of the namespace.
    #[arg(long, env = "TODOAPP_HUB")]
    pub(crate) hub: Option<String>,
    /// File with the service-account token of audience `todoapp-hub`.
    #[arg(long, env = "TODOAPP_HUB_TOKEN_FILE", default_value = "/var/run/secrets/todoapp/token")]
    pub(crate) hub_token_file: PathBuf,
    /// Port of public traffic, routed by host name.
    #[arg(long, env = "TODOAPP_PUBLIC_PORT", default_value_t = 8080)]
    pub(crate) public_port: u16,
    /// Serves public traffic over TLS too, with the certificates of Secrets of type kubernetes.io/tls.
    #[arg(long, env = "TODOAPP_TLS")]
    pub(crate) tls: bool,
    /// Port of public traffic over TLS.
    #[arg(long, env = "TODOAPP_PUBLIC_TLS_PORT", default_value_t = 8443)]
    pub(crate) public_tls_port: u16,
    /// Namespaces whose Secrets are used besides those of the installation, such as `shop,blog`.
    #[arg(long, env = "TODOAPP_TLS_NAMESPACES", value_delimiter = ',')]
    pub(crate) tls_namespaces: Vec<String>,
    /// Secret for names that no certificate has, as NAME or NAMESPACE/NAME; without, such handshakes are refused.
    #[arg(long, env = "TODOAPP_TLS_DEFAULT_SECRET")]
    pub(crate) tls_default_secret: Option<String>,
    /// Requests without TLS for hosts that have a certificate are sent to this port of HTTPS, as the outside sees it.
    #[arg(long, env = "TODOAPP_TLS_REDIRECT_PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) tls_redirect_port: Option<u16>,
    /// Port of /live, /ready, /metrics and /debug/state.
    #[arg(long, env = "TODOAPP_ADMIN_PORT", default_value_t = 9090)]
    pub(crate) admin_port: u16,
    /// Requests that may be held at a time, over all apps.
    #[arg(long, env = "TODOAPP_HOLD_COUNT", default_value_t = 10_000)]
    pub(crate) hold_count: usize,
    /// Bytes of held requests' bodies in memory at a time, over all apps.
    #[arg(long, env = "TODOAPP_HOLD_BYTES", default_value_t = 64 << 20)]
    pub(crate) hold_bytes: usize,
    /// What part of both a namespace may take, in percent.
    #[arg(long, env = "TODOAPP_HOLD_NAMESPACE_PERCENT", default_value_t = 75, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) hold_namespace_percent: u32,
    /// What part of both an app may take, in percent.
    #[arg(long, env = "TODOAPP_HOLD_APP_PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) hold_app_percent: u32,
    /// Longest time that a request is held, such as `60s`; a revision's own request timeout may be shorter.
    #[arg(long, env = "TODOAPP_HOLD_TIMEOUT", default_value = "60s", value_parser = duration)]
    pub(crate) hold_timeout: Duration,
    /// Networks of the proxies in front, such as `10.0.0.0/8,192.0.2.7`: what they say about the origin of a request
    /// (X-Forwarded-*, Forwarded, X-Real-IP) is kept, and of everybody else replaced or dropped.
    #[arg(long, env = "TODOAPP_TRUSTED_PROXIES", default_value = "", value_parser = networks)]
    pub(crate) trusted_proxies: Networks,
    /// What is done with a request without a valid `traceparent`: `unsampled` and `sampled` begin a trace, `never` leaves
    /// that to the app.
    #[arg(long, env = "TODOAPP_BEGIN_TRACES", default_value = "sampled", value_parser = begin)]
    pub(crate) begin_traces: Begin,
    /// Share of requests that get a line in the access log, 0 (off) to 1.
    #[arg(long, env = "TODOAPP_ACCESS_LOG", default_value = "0", value_parser = ratio)]
    pub(crate) access_log: f64,
    /// The access log has paths with their query.
    #[arg(long, env = "TODOAPP_ACCESS_LOG_QUERY")]
    pub(crate) access_log_query: bool,
    /// Collector that cold starts are told to as spans over OTLP (gRPC), such as `http://collector:4317`.
    #[cfg(feature = "otlp")]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub(crate) otlp_endpoint: Option<String>,
    /// What is logged: a level, or levels by target.
    #[arg(long, env = "TODOAPP_LOG", default_value = "info")]
    pub(crate) log: String,
}

impl Args {
    /// Where to dial. The full name ends with a dot: one DNS question instead of one for each search domain.
    pub(crate) fn hub(&self) -> String {
        let of_namespace = || format!("todoapp-hub.{}.svc.{}.:9000", self.namespace, self.cluster_domain);
        self.hub.clone().unwrap_or_else(of_namespace)
    }

    /// Where Secrets with certificates are.
    pub(crate) fn certificate_namespaces(&self) -> BTreeSet<String> {
        let named = self.tls_namespaces.iter().filter(|namespace| !namespace.is_empty()).cloned();
        let named: BTreeSet<String> = named.collect();
        if named.is_empty() { [self.namespace.clone()].into() } else { named }
    }

    /// The Secret for names that no certificate has.
    pub(crate) fn default_certificate(&self) -> Option<Key> {
        let secret = self.tls_default_secret.as_deref().filter(|secret| !secret.is_empty())?;
        let (namespace, name) = secret.split_once('/').unwrap_or((&self.namespace, secret));
        Some(Key::new(namespace, name))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| "a number and a unit, such as 60s".to_owned())?;
    let seconds = match &text[digits.len()..] {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err("the unit is ms, s, m or h".to_owned()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|cause| cause.to_string())
}

/// Networks with commas between, or addresses alone.
fn networks(text: &str) -> Result<Networks, String> {
    let network = |text: &str| {
        let alone = || text.parse::<IpAddr>().map(IpNet::from).ok();
        let network: Option<IpNet> = text.parse().ok().or_else(alone);
        network.ok_or_else(|| {
            format!("{text:?} must be an address with the length of its prefix, such as 10.0.0.0/8, or an address")
        })
    };
    text.split_terminator(',').map(network).collect()
}

fn begin(text: &str) -> Result<Begin, String> {
    match text {
        "never" => Ok(Begin::Never),
        "unsampled" => Ok(Begin::Unsampled),
        "sampled" => Ok(Begin::Sampled),
        _ => Err("never, unsampled or sampled".to_owned()),
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "a number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("60s"), Ok(Duration::from_mins(1)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "60", "s", "-1s", "1d", "1é"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ratios() {
        assert_eq!(ratio("0.25"), Ok(0.25));
        for bad in ["", "-0.1", "1.1", "NaN", "all"] {
            assert!(ratio(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_pod_name_is_needed() {
        let args = Args::try_parse_from(["activator", "--pod-name", "a"]).unwrap();
        assert_eq!(args.hold_timeout, Duration::from_mins(1));
        assert_eq!(args.hub(), "todoapp-hub.todoapp-system.svc.cluster.local.:9000");
        assert!(!args.tls);
    }

    #[test]
    fn certificates_are_in_the_namespace_of_the_installation_or_in_those_named() {
        let parse = |more: &[&str]| Args::try_parse_from([&["activator", "--pod-name", "a", "--tls"], more].concat());
        let args = parse(&["--tls-namespaces=shop,blog", "--tls-default-secret=shop/any"]).unwrap();
        assert_eq!(Vec::from_iter(args.certificate_namespaces()), ["blog", "shop"]);
        assert_eq!(args.default_certificate(), Some(Key::new("shop", "any")));
        let args = parse(&["--tls-default-secret=any", "--tls-namespaces="]).unwrap();
        assert_eq!(Vec::from_iter(args.certificate_namespaces()), ["todoapp-system"]);
        assert_eq!(args.default_certificate(), Some(Key::new("todoapp-system", "any")));
        assert!(parse(&["--tls-redirect-port=0"]).is_err());
    }

    #[test]
    fn networks_of_proxies() {
        let trusted = |text| {
            let args = Args::try_parse_from(["activator", "--pod-name", "a", "--trusted-proxies", text]);
            args.map(|args| args.trusted_proxies).map_err(|cause| cause.to_string())
        };
        let networks = trusted("10.0.0.0/8,192.0.2.7,2001:db8::/32").unwrap();
        let within = |ip: &str| networks.iter().any(|network| network.contains(&ip.parse::<IpAddr>().unwrap()));
        assert!(within("10.1.2.3") && within("192.0.2.7") && within("2001:db8::1"));
        assert!(!within("11.0.0.1") && !within("192.0.2.8") && !within("::1"));
        for bad in ["10.0.0.0/33", "10.0.0", "::1,,::2", "a.example"] {
            let said = trusted(bad).expect_err(bad);
            assert!(said.contains("such as 10.0.0.0/8"), "{said}");
        }
        assert!(trusted("").unwrap().is_empty());
    }
}
