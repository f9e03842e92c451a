//! The loop of a controller: look when something changed, act, look again.

use std::pin::pin;
use std::time::Duration;

use rand::rngs::StdRng;
use tokio::time::{Instant, sleep_until};

use crate::Delay;
use crate::api_server::Local;

/// Name of a kind: `apiVersion` and `kind`.
pub type KindName = (&'static str, &'static str);

/// Pods.
pub const POD: KindName = ("v1", "Pod");
/// Services.
pub const SERVICE: KindName = ("v1", "Service");
/// Deployments.
pub const DEPLOYMENT: KindName = ("apps/v1", "Deployment");
/// EndpointSlices.
pub const SLICE: KindName = ("discovery.k8s.io/v1", "EndpointSlice");
/// Namespaces.
pub const NAMESPACE: KindName = ("v1", "Namespace");

/// Pause while the API server is away.
pub const AWAY: Duration = Duration::from_secs(1);

/// Runs `step` whenever one of `kinds` (none: any) changed, `reaction` after it did, and when it asked to be run again.
pub async fn follow(
    local: Local,
    kinds: &[KindName],
    reaction: Delay,
    mut random: StdRng,
    mut step: impl FnMut(&Local) -> Option<Duration>,
) {
    let mut seen = None;
    let mut act: Option<Instant> = None;
    let mut again: Option<Instant> = None;
    loop {
        // Before the look, so that nothing is missed between the two.
        let mut news = pin!(local.news().notified());
        news.as_mut().enable();
        if act.is_none() && seen != Some(local.version(kinds)) {
            act = Some(Instant::now() + reaction.draw(&mut random));
        }
        tokio::select! {
            biased;
            () = until([act, again].into_iter().flatten().min()) => {
                if local.is_away() {
                    act = Some(Instant::now() + AWAY);
                    continue;
                }
                act = None;
                // Before the step: what it writes itself is a change too.
                seen = Some(local.version(kinds));
                again = step(&local).map(|pause| Instant::now() + pause);
            }
            () = news => {}
        }
    }
}

/// Waits for a moment; for ever, if there is none.
pub async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
