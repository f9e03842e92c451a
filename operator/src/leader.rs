//! What only the leader does in its own namespace: it makes the hub's Service point at itself.

use std::time::Duration;

use api::labels::MANAGER;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::warn;

use crate::apply::covers;
use crate::args::Args;

/// How often it is looked whether the slice still says so.
const LOOK: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_secs(1);

/// Keeps the EndpointSlice of the hub's Service at this pod's address.
pub async fn publish_hub(client: kube::Client, args: &Args) {
    let api: Api<EndpointSlice> = Api::namespaced(client, &args.namespace);
    let desired = slice(args);
    loop {
        let known = api.get_opt(&args.hub_service).await;
        let stands = known
            .as_ref()
            .is_ok_and(|s| s.as_ref().and_then(|s| serde_json::to_value(s).ok()).is_some_and(|s| covers(&s, &desired)));
        if !stands {
            let params = PatchParams::apply(MANAGER).force();
            if let Err(error) = api.patch(&args.hub_service, &params, &Patch::Apply(&desired)).await {
                warn!(%error, slice = args.hub_service, "cannot write the hub's EndpointSlice");
                sleep(RETRY).await;
                continue;
            }
        }
        sleep(LOOK).await;
    }
}

fn slice(args: &Args) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": args.hub_service,
            "namespace": args.namespace,
            "labels": {
                "kubernetes.io/service-name": args.hub_service,
                "endpointslice.kubernetes.io/managed-by": "todoapp.dev",
            },
        },
        "addressType": if args.pod_ip.is_ipv4() { "IPv4" } else { "IPv6" },
        "ports": [{ "name": "hub", "port": args.hub_port, "protocol": "TCP" }],
        "endpoints": [{ "addresses": [args.pod_ip.to_string()], "conditions": { "ready": true } }],
    })
}
