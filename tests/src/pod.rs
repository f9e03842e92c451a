//! A client inside the cluster: busybox in a pod, with the cluster's DNS.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use serde_json::json;

use crate::cluster::{image, is_ready};
use crate::command::run;
use crate::{Space, wait_for};

/// A pod that waits for commands.
pub struct Caller {
    namespace: String,
    name: String,
}

impl Caller {
    /// Starts it and waits until it runs.
    pub async fn start(space: &Space, name: &str) -> Result<Self> {
        let pod = json!({
            "metadata": { "name": name },
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                "containers": [{
                    "name": "busybox",
                    "image": image("todoapp-busybox"),
                    "command": ["busybox", "sleep", "3600"],
                    "securityContext": { "runAsUser": 65532 },
                }],
            },
        });
        space.api::<Pod>().create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
        wait_for(&format!("pod {name}"), Duration::from_secs(30), || async {
            let pod = space.api::<Pod>().get(name).await?;
            ensure!(is_ready(&pod), "{:?}", pod.status.and_then(|s| s.container_statuses));
            Ok(())
        })
        .await?;
        Ok(Self::within(space, name))
    }

    /// A pod that runs already, whose first container has busybox.
    pub fn within(space: &Space, name: &str) -> Self {
        Self { namespace: space.name.clone(), name: name.to_owned() }
    }

    /// Whether a connection comes about within three seconds.
    pub async fn connects(&self, to: SocketAddr) -> bool {
        let (ip, port) = (to.ip().to_string(), to.port().to_string());
        self.busybox(&["nc", "-w", "3", &ip, &port, "-e", "busybox", "true"]).await.is_ok()
    }

    /// Runs a busybox command in the pod and gives its output.
    pub async fn busybox(&self, arguments: &[&str]) -> Result<String> {
        let exec = ["-n", &self.namespace, "exec", &self.name, "--", "busybox"];
        run("kubectl", &[&exec[..], arguments].concat()).await
    }

    /// GETs a URL, whose name is looked up as any pod does; the body of a 200, an error otherwise.
    pub async fn get(&self, url: &str) -> Result<String> {
        // Not wget's own -T: it crashes Debian's busybox 1.35.
        self.busybox(&["timeout", "60", "busybox", "wget", "-q", "-O", "-", url]).await
    }
}
