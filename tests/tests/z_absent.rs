//! What happens to apps while no operator runs. Runs alone: it takes the operator away.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::app::get;
use e2e::cluster::Component;
use e2e::command::run;
use e2e::observe::{deployment, deployments};
use e2e::{App, Space, wait_for, with_namespace};
use futures_util::future::try_join_all;
use kube::ResourceExt;

const BACK: Duration = Duration::from_secs(40);
/// All that an app owns.
const KINDS: &str = "revisions,deployments,replicasets,pods,services,endpointslices,secrets";

async fn scale(space: &Space, replicas: usize) -> Result<()> {
    let count = format!("--replicas={replicas}");
    run("kubectl", &["-n", &space.cluster.system, "scale", "deployment/todoapp-operator", &count]).await?;
    wait_for(&format!("{replicas} operators"), BACK, || async {
        let all = run(
            "kubectl",
            &[
                "-n",
                &space.cluster.system,
                "get",
                "pods",
                "-l",
                Component::Operator.selector(),
                "-o",
                "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}",
            ],
        )
        .await?;
        let ready: Vec<&str> = all.split_whitespace().collect();
        ensure!(ready.len() == replicas && ready.iter().all(|ready| *ready == "True"), "{ready:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_that_are_deleted_made_again_or_bent_while_no_operator_runs_are_as_wanted_when_one_does() {
    with_namespace(async |space: Space| {
        try_join_all(["deleted", "remade", "bent"].map(async |name| App::new(name).asleep(&space).await)).await?;
        let before = run(
            "kubectl",
            &["-n", &space.cluster.system, "get", "deployment/todoapp-operator", "-o", "jsonpath={.spec.replicas}"],
        )
        .await?
        .parse()?;
        scale(&space, 0).await?;
        let outcome = absent(&space).await;
        scale(&space, before).await?;
        outcome?;
        wait_for("all as wanted", BACK, || async {
            ensure!(deployments(&space, "deleted").await?.is_empty(), "the deleted app came back");
            let (app, deployment) = (get(&space, "remade").await?, deployment(&space, "remade").await?);
            ensure!(app.status.unwrap_or_default().latest_ready_revision.is_some(), "the new app has no revision");
            ensure!(deployment.metadata.deletion_timestamp.is_none());
            deployments(&space, "bent").await?.first().ok_or_else(|| anyhow::anyhow!("no Deployment"))?;
            Ok(())
        })
        .await?;
        for name in ["remade", "bent"] {
            space.target(&get(&space, name).await?).await?.get("/").await?.expect(200)?;
        }
        Ok(())
    })
    .await;
}

/// What happens meanwhile.
async fn absent(space: &Space) -> Result<()> {
    let kubectl = async |arguments: &[&str]| run("kubectl", &[&["-n", &space.name], arguments].concat()).await;
    // No finalizer waits for anybody: the command returns, and the garbage collector takes the rest.
    kubectl(&["delete", "todoapp", "deleted", "remade", "--timeout=10s"]).await?;
    let selector = "todoapp.dev/app in (deleted, remade)";
    wait_for("nothing left of the deleted", Duration::from_secs(30), || async {
        let left = kubectl(&["get", KINDS, "-l", selector, "-o", "name"]).await?;
        ensure!(left.is_empty(), "{left}");
        Ok(())
    })
    .await?;
    App::new("remade").apply(space).await?;
    let bent = deployment(space, "bent").await?.name_any();
    kubectl(&["delete", "deployment", &bent, "--timeout=10s"]).await?;
    kubectl(&["delete", "service", "bent"]).await?;
    Ok(())
}
