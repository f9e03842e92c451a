//! What every reconcile is handed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use policy::Settings;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::apply::{self, Desired, Outcome, Respelled};
use crate::args::Args;
use crate::clock::Clock;
use crate::cluster::Stores;
use crate::digest::Resolver;
use crate::error::Error;
use crate::events::Reporter;
use crate::hosts::HostBook;
use crate::metrics::Metrics;
use crate::outcomes::Outcomes;
use crate::ports::PortBook;
use crate::prober::Prober;
use crate::store::Key;
use crate::tallies::Tallies;

/// The hands of the reconcilers.
pub struct Context {
    /// The API server.
    pub client: kube::Client,
    /// The time of day.
    pub clock: Clock,
    /// What the process was started with.
    pub args: Args,
    /// What is known of the cluster.
    pub stores: Stores,
    /// The cluster's own settings, as they are now.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Key from which each revision's is derived.
    pub master_key: [u8; 32],
    /// In-cluster ports.
    pub ports: Mutex<PortBook>,
    /// Claims on public hosts.
    pub hosts: Mutex<HostBook>,
    /// For apps that are to be looked at again.
    pub again: mpsc::Sender<Key>,
    /// For revisions that are to be looked at again.
    pub revisions_again: mpsc::Sender<Key>,
    /// Digests of images.
    pub resolver: Resolver,
    /// What revisions under release did for users.
    pub outcomes: Outcomes,
    /// Where the counting of their steps began.
    pub tallies: Tallies,
    /// Sends requests of our own to their pods.
    pub prober: Prober,
    /// Objects stored in another spelling.
    pub respelled: Respelled,
    /// Who tells of changes, and what was told.
    pub reporter: Reporter,
    /// Counters.
    pub metrics: Metrics,
    /// Per object: failed tries in a row, and since when only fleeting figures of its status differ.
    pub progress: Mutex<HashMap<String, Progress>>,
}

/// Where one object stands between two reconciles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Failed tries in a row.
    pub failures: u32,
    /// Since when only replicas or activity differ from what is written.
    pub fleeting_since: Option<Instant>,
}

/// Shared by all reconciles.
pub type Shared = Arc<Context>;

impl Context {
    /// Brings one object to what is desired; `observed` is what the store has of it.
    pub async fn ensure(&self, desired: Desired, observed: Option<Value>) -> Result<(), Error> {
        let outcome = apply::ensure(&self.client, &self.respelled, &desired, observed).await?;
        if outcome != Outcome::Unchanged {
            self.metrics.writes.with_label_values(&[desired.resource.kind.as_str()]).inc();
        }
        Ok(())
    }

    /// Counts one more failure of an object and says how many came before.
    pub fn failed(&self, key: &str) -> u32 {
        let mut progress = self.progress.lock();
        let entry = progress.entry(key.to_owned()).or_default();
        entry.failures += 1;
        entry.failures - 1
    }

    /// Drops what is kept of an object that is gone.
    pub fn forget(&self, key: &str) {
        self.progress.lock().remove(key);
        self.resolver.forget(key);
    }

    /// Failed tries of an object in a row.
    pub fn failures(&self, key: &str) -> u32 {
        self.progress.lock().get(key).map_or(0, |p| p.failures)
    }

    /// Changes what is kept of an object; an entry that says nothing is dropped, so that the map holds only the unsettled.
    pub fn note(&self, key: &str, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.lock();
        let mut entry = progress.remove(key).unwrap_or_default();
        change(&mut entry);
        if entry.failures > 0 || entry.fleeting_since.is_some() {
            progress.insert(key.to_owned(), entry);
        }
    }

    /// Since when only fleeting figures differ; begins now if it had not.
    pub fn fleeting_since(&self, key: &str, now: Instant) -> Instant {
        *self.progress.lock().entry(key.to_owned()).or_default().fleeting_since.get_or_insert(now)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::prober::prober;
    use crate::revision::tests::args;

    /// A context whose API server is never asked.
    pub(crate) fn context() -> Context {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = kube::Config::new("http://127.0.0.1:1".parse().expect("a URI"));
        let client = kube::Client::try_from(config).expect("a client");
        let (settings, revisions_again) = (watch::channel(Arc::default()).1, mpsc::channel(1).0);
        Context {
            client: client.clone(),
            resolver: Resolver::new(client.clone(), settings.clone(), revisions_again.clone()),
            revisions_again,
            clock: Clock::system(),
            args: args(),
            stores: Stores::new(),
            settings,
            master_key: [0; 32],
            ports: Mutex::new(PortBook::default()),
            hosts: Mutex::default(),
            again: mpsc::channel(1).0,
            outcomes: Outcomes::default(),
            tallies: Tallies::default(),
            prober: prober(proxy::net::Tcp),
            respelled: Respelled::default(),
            reporter: Reporter::new(client, "p".to_owned(), Clock::system()),
            metrics: Metrics::register(&prometheus::Registry::new()).expect("new names"),
            progress: Mutex::default(),
        }
    }
}
