//! Flags; each has an environment variable too.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

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
    fn only_the_pod_name_is_needed() {
        let args = Args::try_parse_from(["activator", "--pod-name", "a"]).unwrap();
        assert_eq!(args.hold_timeout, Duration::from_mins(1));
        assert_eq!(args.hub(), "todoapp-hub.todoapp-system.svc.cluster.local.:9000");
    }
}
