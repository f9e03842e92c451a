//! The line to the hub: who we are, what it says to us.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use runtime::hub::LinkConfig;
use runtime::hub::{Event, Identify, epoch};
use tokio::sync::mpsc;
use wire::Identity;

use crate::{revision::Shared, revisions::Revisions};

/// A new leader is to act on held requests within two seconds, and activators are few.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Whom to dial, with the service-account token as it is in the file at that moment: the kubelet renews it.
pub(crate) fn config(address: String, pod: String, token_file: PathBuf) -> LinkConfig {
    let identity: Identify = Box::new(move |_, _| {
        let token =
            std::fs::read_to_string(&token_file).with_context(|| format!("token file {}", token_file.display()))?;
        Ok(Identity::Activator { pod: pod.clone(), token: token.trim().to_owned() })
    });
    LinkConfig { address, identity, epoch: epoch(), longest_pause: LONGEST_PAUSE }
}

/// Passes on what the hub says, until the line is given up.
pub(crate) async fn listen(mut events: mpsc::Receiver<Event>, revisions: Arc<Revisions>, shared: Arc<Shared>) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Connected => {
                shared.metrics.hub_connected.set(1);
                tracing::info!("connected to the hub");
            }
            Event::Down(message) => revisions.hear(message),
            Event::Disconnected => {
                shared.metrics.hub_connected.set(0);
                revisions.hub_away();
            }
        }
    }
}
