//! Requests of mixed kinds while everything is killed, scaled and rolled: none is lost, and a ledger outside of the pods
//! says which were executed. `LEDGER_REQUESTS=200000` makes it a long run. Runs alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::{Cluster, Component, image, is_ready, pod_address, variable};
use e2e::command::run;
use e2e::http::Target;
use e2e::ledger::{self, Account};
use e2e::observe::ready_pods;
use e2e::{App, Space, wait_for, with_namespace};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::PostParams;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const RATE: u32 = 200;
/// Between two blows.
const PAUSE: Duration = Duration::from_secs(5);
const PORT: u16 = 8081;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_while_everything_is_killed_scaled_and_rolled() {
    if !Cluster::needs_direct() {
        return;
    }
    with_namespace(async |space: Space| {
        let count = variable("LEDGER_REQUESTS", "20000").parse().context("LEDGER_REQUESTS")?;
        let keeper = keeper(&space).await?;
        let app = app(&keeper, 0, 2).ready(&space).await?;
        let targets = [space.target(&app).await?, Target::at(space.address("ledger").await?)];
        for target in &targets {
            wait_for("an answer", Duration::from_secs(30), || async { target.get("/").await?.expect(200) }).await?;
        }
        let (stop, kills) = (CancellationToken::new(), Arc::default());
        let blows = tokio::spawn(strike(space.clone(), Arc::clone(&keeper), stop.clone(), Arc::clone(&kills)));
        let entries = ledger::send(&targets, count, RATE).await;
        stop.cancel();
        let struck = blows.await??;
        let account = Account::of(&entries, &executed(&keeper).await?, &kills.lock());
        println!("{account}; {struck} blows");
        ensure!(account.lost.is_empty(), "lost:\n  {}", account.lost.join("\n  "));
        ensure!(struck >= 6, "{struck} blows: not each kind once");
        Ok(())
    })
    .await;
}

fn app(keeper: &Pod, version: usize, min: u32) -> App {
    let ip = keeper.status.as_ref().and_then(|status| status.pod_ip.as_deref()).unwrap_or_default();
    App::new("ledger")
        .drowsy()
        .env("LEDGER", format!("{ip}:{PORT}"))
        .env("VERSION", version.to_string())
        .scaling(&json!({ "min": min, "max": 5, "target": 20 }))
}

/// The pod that keeps the ledger; nobody strikes it.
async fn keeper(space: &Space) -> Result<Arc<Pod>> {
    let env = [("PORT", "8080".to_owned()), ("LEDGER_PORT", PORT.to_string())];
    let env: Vec<_> = env.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let pod = json!({
        "metadata": { "name": "keeper" },
        "spec": { "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
            "containers": [{ "name": "keeper", "image": image("todoapp-testapp"), "env": env }] },
    });
    space.api::<Pod>().create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    wait_for("the ledger's keeper", Duration::from_secs(30), || async {
        let pod = space.api::<Pod>().get("keeper").await?;
        ensure!(is_ready(&pod), "not ready");
        Target::at(pod_address(&pod, 8080)?).get("/entries").await?.expect(200)?;
        Ok(Arc::new(pod))
    })
    .await
}

async fn executed(keeper: &Pod) -> Result<BTreeMap<u64, u32>> {
    let page = Target::at(pod_address(keeper, 8080)?).get("/entries").await?.expect(200)?.body;
    let entry =
        |line: &str| line.split_once(' ').and_then(|(entry, times)| Some((entry.parse().ok()?, times.parse().ok()?)));
    Ok(page.lines().filter_map(entry).collect())
}

/// One blow after the other until `stop`; gives how many.
async fn strike(
    space: Space,
    keeper: Arc<Pod>,
    stop: CancellationToken,
    kills: Arc<Mutex<Vec<Duration>>>,
) -> Result<usize> {
    let begin = Instant::now();
    for blow in 0.. {
        if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
            return Ok(blow);
        }
        let system = ["-n", &space.cluster.system];
        match blow % 6 {
            0 => delete_pod(&space, &[]).await?,
            1 => drop(app(&keeper, blow / 6, 4).apply(&space).await?),
            2 => {
                kills.lock().push(begin.elapsed());
                delete_pod(&space, &["--grace-period=0", "--force"]).await?;
            }
            3 => drop(app(&keeper, blow / 6 + 1, 2).apply(&space).await?),
            4 => {
                let restart = ["rollout", "restart", "deployment/todoapp-activator"];
                drop(run("kubectl", &[&system[..], &restart].concat()).await?);
                let status = ["rollout", "status", "deployment/todoapp-activator", "--timeout=120s"];
                drop(run("kubectl", &[&system[..], &status].concat()).await?);
            }
            _ => {
                let selector = Component::Operator.selector();
                drop(
                    run("kubectl", &[&system[..], &["delete", "pod", "-l", selector, "--wait=false"]].concat()).await?,
                );
            }
        }
    }
    unreachable!("the blows do not end by themselves")
}

/// Deletes one of the app's pods that is ready.
async fn delete_pod(space: &Space, more: &[&str]) -> Result<()> {
    let Some(pod) = ready_pods(space, "ledger").await?.into_iter().next() else { return Ok(()) };
    let delete = ["-n", &space.name, "delete", "pod", &pod.name_any(), "--wait=false"];
    run("kubectl", &[&delete[..], more].concat()).await.map(drop)
}
