//! Releases on a real cluster: gray windows, withdrawal, promotion by a person, and versions that nobody uses.

mod actions;
mod clients;
mod sample;
mod silent;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use api::condition::{self, PROMOTED};
use api::{RolloutStatus, TodoApp};
use e2e::{Space, app, wait_for};
use kube::api::{Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// Where the app's release stands.
async fn release(space: &Space, name: &str) -> Result<RolloutStatus> {
    Ok(app::get(space, name).await?.status.and_then(|s| s.rollout).unwrap_or_default())
}

/// Waits for a revision to have an own share in a release.
async fn has_share(space: &Space, name: &str, revision: &str, percent: u32) -> Result<()> {
    wait_for(&format!("{percent} % to {revision}"), Duration::from_mins(1), || async {
        let release = release(space, name).await?;
        ensure!(release.candidate.as_deref() == Some(revision) && release.percent == percent, "{release:?}");
        Ok(())
    })
    .await
}

/// Reason and message of the condition Promoted once it has this value for the spec as it is now.
async fn promoted(space: &Space, name: &str, value: &str, limit: Duration) -> Result<(String, String)> {
    wait_for(&format!("Promoted={value} of {name}"), limit, || async {
        let app = app::get(space, name).await?;
        let status = app.status.unwrap_or_default();
        match condition::find(&status.conditions, PROMOTED) {
            Some(found) if found.status == value && found.observed_generation == app.metadata.generation => {
                Ok((found.reason.clone(), found.message.clone()))
            }
            found => bail!("{found:?}, release {:?}", status.rollout),
        }
    })
    .await
}

/// What a person decides.
async fn act(space: &Space, name: &str, kind: &str, token: &str) -> Result<()> {
    let patch = json!({ "spec": { "rollout": { "action": { "type": kind, "token": token } } } });
    space.api::<TodoApp>().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(())
}

/// Shares of a two-step release that takes so long.
fn gradual(window: &str, steps: &[u32], analysis: &Value) -> Value {
    let mut rollout = json!({ "strategy": "Gradual", "window": window, "steps": steps });
    if !analysis.is_null() {
        rollout["analysis"] = analysis.clone();
    }
    rollout
}

/// Every share that a candidate had, in order; looked at ten times a second until the runtime ends.
fn watch_shares(space: &Space, name: &str) -> Arc<Mutex<Vec<(String, u32)>>> {
    let seen: Arc<Mutex<Vec<(String, u32)>>> = Arc::default();
    let (noted, space, name) = (Arc::clone(&seen), space.clone(), name.to_owned());
    tokio::spawn(async move {
        loop {
            if let Ok(RolloutStatus { candidate: Some(candidate), percent, .. }) = release(&space, &name).await {
                let mut noted = noted.lock();
                let now = (candidate, percent);
                if noted.last() != Some(&now) {
                    noted.push(now);
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    seen
}
