//! What a failed test shows.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use crate::Cluster;
use crate::cluster::Component;
use crate::command::run;

/// Most log lines of a component that are shown.
const LOG_LINES: usize = 60;

/// Apps, revisions, pods with the states of their containers, events and the ends of our logs, on standard output.
pub async fn print(cluster: &Cluster, namespace: &str) {
    println!("=== state of namespace {namespace}");
    println!("{}", containers(cluster, namespace).await);
    let kinds = "todoapps,revisions,deployments,services,endpointslices,pods";
    show(&["-n", namespace, "get", kinds, "-o", "wide"]).await;
    let conditions = r#"jsonpath={range .items[*]}{.kind}/{.metadata.name} {.status}{"\n"}{end}"#;
    show(&["-n", namespace, "get", "todoapps,revisions", "-o", conditions]).await;
    show(&["-n", namespace, "get", "events", "--sort-by=.lastTimestamp"]).await;
    show(&["-n", &cluster.system, "get", "pods", "-o", "wide"]).await;
    for component in [Component::Operator, Component::Activator] {
        println!("--- logs of {component:?}");
        println!("{}", logs(cluster, namespace, component).await);
    }
}

async fn show(arguments: &[&str]) {
    println!("--- kubectl {}", arguments.join(" "));
    match run("kubectl", arguments).await {
        Ok(output) => println!("{output}"),
        Err(error) => println!("{error:#}"),
    }
}

/// Of a component's last lines those that speak of a namespace or whatever else is `named`, and warnings.
pub async fn logs(cluster: &Cluster, named: &str, component: Component) -> String {
    let arguments = ["-n", &cluster.system, "logs", "-l", component.selector(), "--tail=400", "--prefix"];
    let text = run("kubectl", &arguments).await.unwrap_or_else(|error| format!("{error:#}"));
    let ours = |line: &&str| [named, "WARN", "ERROR", "panicked"].iter().any(|word| line.contains(word));
    let lines: Vec<&str> = text.lines().filter(ours).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

async fn containers(cluster: &Cluster, namespace: &str) -> String {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let Ok(pods) = api.list(&ListParams::default()).await else {
        return "no pods to be had".to_owned();
    };
    let mut text = String::new();
    for pod in pods {
        let ending = if pod.metadata.deletion_timestamp.is_some() { " (ending)" } else { "" };
        let _ = writeln!(text, "pod {}{ending}", pod.name_any());
        let statuses = pod.status.and_then(|s| s.container_statuses).unwrap_or_default();
        for status in statuses {
            let state = status.state.as_ref().map_or_else(|| "unknown".to_owned(), describe);
            let _ =
                writeln!(text, "  {}: ready={} restarts={} {state}", status.name, status.ready, status.restart_count);
        }
    }
    text
}

fn describe(state: &ContainerState) -> String {
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        return format!("waiting: {reason} {}", waiting.message.as_deref().unwrap_or_default());
    }
    if let Some(ended) = &state.terminated {
        return format!("ended with {}: {}", ended.exit_code, ended.reason.as_deref().unwrap_or_default());
    }
    "running".to_owned()
}
