//! Many first requests at once wake as many pods as they need, and no pod gets more than its share.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::cluster::pod_address;
use e2e::http::{Target, at_once};
use e2e::observe::ready_pods;
use e2e::{App, Cluster, Space, wait_for, with_namespace};
use kube::ResourceExt;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_first_requests_at_target_ten_are_answered_by_ten_pods_with_ten_each() {
    with_namespace(burst).await;
}

async fn burst(space: Space) -> Result<()> {
    let scaling = json!({ "target": 10, "utilizationPercent": 100, "max": 10 });
    let app = App::new("burst").scaling(&scaling).asleep(&space).await?;
    // Awake for as long as it takes to look; a change of `scaling` makes no revision.
    let app = App::new("burst").drowsy().scaling(&scaling).ready(&space).await.map(|_| app)?;

    // Longer than ten pods take to start, or one that was done might rightly be given more.
    let replies = at_once(&space.target(&app).await?, "/?sleep=9000", 100).await;
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for reply in replies {
        let reply = reply?.expect(200)?;
        let pod = reply.body.split_whitespace().nth(2).unwrap_or_default().to_owned();
        *shares.entry(pod).or_default() += 1;
        slowest = slowest.max(reply.elapsed);
    }
    println!("slowest {slowest:?}, shares {shares:?}");
    let pods = wait_for("ten ready pods", Duration::from_secs(20), || async {
        let pods = ready_pods(&space, "burst").await?;
        ensure!(pods.len() == 10, "{} pods", pods.len());
        Ok(pods)
    })
    .await?;
    ensure!(shares.values().all(|share| *share <= 10), "a pod answered more than its share: {shares:?}");
    if Cluster::is_direct() {
        for pod in pods {
            let reply = Target::at(pod_address(&pod, 8080)?).get("/max").await?.expect(200)?;
            let highest: usize = reply.body.trim().parse()?;
            ensure!(highest <= 10, "{} had {highest} requests at once", pod.name_any());
        }
    }
    Ok(())
}
