//! What the hub is told: measurements, *ready*, *draining*. Each new stream is told all of it first.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use parking_lot::Mutex;
use proxy::net::Network;
use runtime::{
    admin::Readiness,
    hub::{self, Link, LinkConfig, Opening},
    proof,
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use wire::{Identity, Up};

use crate::{config::Config, report::Measured, start::TRAFFIC_PORT};

/// Thousands of us may look for a leader that is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Between two requests for a replacement.
const REPEATED: Duration = Duration::from_secs(5);

/// What the hub may think of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The app has not answered yet: nothing is said.
    Starting,
    Ready,
    Draining,
}

impl Standing {
    const fn message(self) -> Option<Up> {
        match self {
            Self::Starting => None,
            Self::Ready => Some(Up::Ready),
            Self::Draining => Some(Up::Draining),
        }
    }
}

/// Where we stand next: an app that stops answering drains like one that ends, and may come back.
const fn next(before: Standing, answers: bool, terminating: bool) -> Standing {
    match before {
        _ if terminating => Standing::Draining,
        _ if answers => Standing::Ready,
        Standing::Starting => Standing::Starting,
        Standing::Ready | Standing::Draining => Standing::Draining,
    }
}

/// Speaks to the hub.
pub(crate) struct Announcer {
    said: Arc<Said>,
    link: Option<Link>,
    readiness: Readiness,
}

/// What a new stream is told.
struct Said(Mutex<(Standing, Measured)>);

impl Opening for Said {
    fn messages(&self) -> Vec<Up> {
        let said = self.0.lock();
        let mut messages = vec![said.1.everything()];
        messages.extend(said.0.message());
        messages
    }
}

impl Announcer {
    /// Dials the hub, if there is one, in one of `tasks`.
    pub(crate) fn start(
        config: &Arc<Config>,
        readiness: Readiness,
        network: impl Network,
        ended: CancellationToken,
        tasks: &mut JoinSet<()>,
    ) -> Arc<Self> {
        let measured = Measured::new(&config.revision_uid);
        let said = Arc::new(Said(Mutex::new((Standing::Starting, measured))));
        let link = config.hub.as_ref().map(|address| {
            let opening: Arc<dyn Opening> = Arc::clone(&said) as Arc<dyn Opening>;
            let (link, _, dialling) = Link::new(link(address, config), opening, network, ended);
            tasks.spawn(dialling);
            link
        });
        Arc::new(Self { said, link, readiness })
    }

    /// Adds a measurement and tells it.
    pub(crate) fn measured(&self, add: impl FnOnce(&mut Measured) -> Up) {
        let message = add(&mut self.said.0.lock().1);
        self.say(message);
    }

    /// Follows the app until we are `leaving` and that has been announced.
    pub(crate) async fn follow(self: Arc<Self>, mut answers: watch::Receiver<bool>, leaving: CancellationToken) {
        loop {
            let ends = leaving.is_cancelled();
            let answering = *answers.borrow_and_update();
            self.stand(answering, ends);
            if ends {
                return;
            }
            tokio::select! {
                biased;
                () = leaving.cancelled() => {}
                changed = answers.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Asks for a replacement once the pod is `worn`, again and again: whoever heard it may have lost the lead.
    pub(crate) async fn tell_of_wear(self: Arc<Self>, worn: CancellationToken) {
        worn.cancelled().await;
        tracing::info!("has served its time");
        loop {
            self.say(Up::Worn);
            tokio::time::sleep(REPEATED).await;
        }
    }

    fn stand(&self, answering: bool, terminating: bool) {
        let (before, now) = {
            let mut said = self.said.0.lock();
            let before = said.0;
            said.0 = next(before, answering, terminating);
            (before, said.0)
        };
        self.readiness.set(now == Standing::Ready);
        if before == now {
            return;
        }
        if let Some(message) = now.message() {
            self.say(message);
        }
        tracing::info!(standing = ?now, "announced");
    }

    fn say(&self, message: Up) {
        if let Some(link) = &self.link {
            link.send(message);
        }
    }
}

fn link(address: &str, config: &Arc<Config>) -> LinkConfig {
    let config = Arc::clone(config);
    LinkConfig {
        address: address.to_owned(),
        epoch: hub::epoch(),
        longest_pause: LONGEST_PAUSE,
        // The address by which the hub is reached is the pod's own.
        identity: Box::new(move |nonce, local| {
            let address = SocketAddr::new(local.ip().to_canonical(), TRAFFIC_PORT);
            let uid = &config.revision_uid;
            let transcript = Identity::transcript(nonce, uid, &config.pod, address);
            Ok(Identity::QueueProxy {
                revision_uid: uid.clone(),
                pod: config.pod.clone(),
                address,
                proof: proof::prove(&config.key, &transcript),
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing::*, *};

    #[test]
    fn standing_follows_the_app_and_the_pod() {
        for (before, answers, terminating, expected) in [
            (Starting, false, false, Starting),
            (Starting, true, false, Ready),
            (Ready, true, false, Ready),
            (Ready, false, false, Draining),
            (Draining, true, false, Ready),
            (Draining, false, false, Draining),
            (Starting, false, true, Draining),
            (Ready, true, true, Draining),
            (Draining, true, true, Draining),
        ] {
            assert_eq!(next(before, answers, terminating), expected);
        }
    }
}
