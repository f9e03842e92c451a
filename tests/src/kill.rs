//! Ends a process of the system as a crash would.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::command::run;

/// SIGKILL from outside, to the process of this program whose control group is the pod's: from inside, the kernel spares
/// the first process of a container. Only where the processes of the nodes are seen from here.
pub async fn kill_process(name: &str, pod: &Pod) -> Result<()> {
    let uid = pod.uid().context("pod without UID")?;
    let mut killed = 0;
    let mut processes = tokio::fs::read_dir("/proc").await?;
    while let Some(process) = processes.next_entry().await? {
        let folder = process.path();
        let group = tokio::fs::read_to_string(folder.join("cgroup")).await.unwrap_or_default();
        let program = tokio::fs::read_link(folder.join("exe")).await.unwrap_or_default();
        if group.contains(&uid) && program.ends_with(name) {
            run("kill", &["-KILL", &process.file_name().to_string_lossy()]).await?;
            killed += 1;
        }
    }
    ensure!(killed == 1, "{killed} processes '{name}' of pod {uid}");
    Ok(())
}
