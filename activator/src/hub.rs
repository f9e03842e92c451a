//! The line to the hub: who we are, what it says to us.

use std::{sync::Arc, time::Duration};

use runtime::hub::LinkConfig;
use runtime::hub::{Event, Identify, epoch};
use tokio::sync::mpsc;
use wire::Identity;

use crate::{revision::Shared, revisions::Revisions};

/// A new leader is to act on held requests within two seconds, and activators are few.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Gives the service-account token of audience `todoapp-hub` as it is at that moment: the kubelet renews it.
pub type Token = Box<dyn Fn() -> anyhow::Result<String> + Send + Sync>;

/// Whom to dial and as whom.
pub(crate) fn config(address: String, pod: String, token: Token) -> LinkConfig {
    let identity: Identify =
        Box::new(move |_, _| Ok(Identity::Activator { pod: pod.clone(), token: token()?.trim().to_owned() }));
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
