//! Requests of mixed kinds while everything is killed, crashed, scaled and rolled: none is lost, and a ledger outside of the
//! pods says which were executed. `LEDGER_REQUESTS=200000` makes it a long run. Runs alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::cluster::{Cluster, Component, image, is_ready, pod_address, variable};
use e2e::command::run;
use e2e::http::Target;
use e2e::kill::kill_process;
use e2e::ledger::{self, Account, Kill, Killed};
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
const KINDS: usize = 7;
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
        let striker = Striker {
            space: space.clone(),
            keeper: Arc::clone(&keeper),
            begin: Instant::now(),
            kills: Arc::clone(&kills),
        };
        let blows = tokio::spawn(striker.strike(stop.clone()));
        let entries = ledger::send(&targets, count, RATE).await;
        stop.cancel();
        let struck = blows.await??;
        let kills = std::mem::take(&mut *kills.lock());
        let crashes = kills.iter().filter(|kill| kill.of == Killed::Process).count();
        let account = Account::of(&entries, &executed(&keeper).await?, &kills);
        println!("{account}; {struck} blows, {crashes} of them crashes");
        ensure!(account.lost.is_empty(), "lost:\n  {}", account.lost.join("\n  "));
        ensure!(struck >= KINDS && crashes > 0, "{struck} blows, {crashes} crashes: not each kind once");
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

/// Who kills, scales and rolls while the load lasts.
struct Striker {
    space: Space,
    keeper: Arc<Pod>,
    begin: Instant,
    kills: Arc<Mutex<Vec<Kill>>>,
}

impl Striker {
    /// One blow after the other until `stop`; gives how many.
    async fn strike(self, stop: CancellationToken) -> Result<usize> {
        for blow in 0.. {
            if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                return Ok(blow);
            }
            self.blow(blow % KINDS, blow / KINDS).await.with_context(|| format!("blow {blow}"))?;
        }
        unreachable!("the blows do not end by themselves")
    }

    async fn blow(&self, kind: usize, round: usize) -> Result<()> {
        let system = ["-n", &self.space.cluster.system];
        match kind {
            0 => self.delete_pod(&[]).await,
            1 => app(&self.keeper, round, 4).apply(&self.space).await.map(drop),
            2 => self.noted(Killed::Pod, async || self.delete_pod(&["--grace-period=0", "--force"]).await).await,
            3 => self.crash().await,
            4 => app(&self.keeper, round + 1, 2).apply(&self.space).await.map(drop),
            5 => {
                let restart = ["rollout", "restart", "deployment/todoapp-activator"];
                run("kubectl", &[&system[..], &restart].concat()).await?;
                let status = ["rollout", "status", "deployment/todoapp-activator", "--timeout=120s"];
                run("kubectl", &[&system[..], &status].concat()).await.map(drop)
            }
            _ => {
                let delete = ["delete", "pod", "-l", Component::Operator.selector(), "--wait=false"];
                run("kubectl", &[&system[..], &delete].concat()).await.map(drop)
            }
        }
    }

    /// Deletes one of the app's pods that is ready.
    async fn delete_pod(&self, more: &[&str]) -> Result<()> {
        let Some(pod) = ready_pods(&self.space, "ledger").await?.into_iter().next() else { return Ok(()) };
        let delete = ["-n", &self.space.name, "delete", "pod", &pod.name_any(), "--wait=false"];
        run("kubectl", &[&delete[..], more].concat()).await.map(drop)
    }

    /// The app's process of one of its pods that is ready; its queue-proxy stays.
    async fn crash(&self) -> Result<()> {
        for pod in ready_pods(&self.space, "ledger").await? {
            let killed = self.noted(Killed::Process, async || kill_process("todoapp-testapp", &pod).await).await;
            match killed {
                Ok(()) => return Ok(()),
                // Gone since it was listed, or about to be.
                Err(why) => println!("no crash of {}: {why:#}", pod.name_any()),
            }
        }
        Ok(())
    }

    /// Keeps the time of a kill that succeeds.
    async fn noted(&self, of: Killed, kill: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        let from = self.begin.elapsed();
        kill().await?;
        self.kills.lock().push(Kill { of, from, to: self.begin.elapsed() });
        Ok(())
    }
}
