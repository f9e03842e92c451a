//! Scheduler and kubelets: every pod gets a place and a life.

pub mod images;

mod life;
mod nodes;
mod report;
mod secrets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::sleep;

use super::Settings;
use super::follow::{AWAY, POD};
use super::program::Programs;
use crate::Seed;
use crate::api_server::{Local, Selector};
use images::Images;
use life::{Life, Orders};
use nodes::Nodes;

/// What every pod's life needs.
pub struct Hands {
    /// Writes where a pod goes.
    pub scheduler: Local,
    /// Writes how a pod fares.
    pub kubelet: Local,
    /// Runs containers.
    pub programs: Arc<dyn Programs>,
    /// Where images are.
    pub images: Arc<Mutex<Images>>,
    /// Who has room.
    pub nodes: Mutex<Nodes>,
    /// How long things take.
    pub settings: Settings,
    /// Where chance comes from.
    pub seed: Seed,
}

impl Hands {
    /// Empty nodes as the settings have them.
    pub fn nodes(settings: &Settings) -> Mutex<Nodes> {
        Mutex::new(Nodes::new(settings.nodes, settings.pods_per_node))
    }

    /// Returns when the API server is there.
    async fn reach(&self) {
        while self.kubelet.is_away() {
            sleep(AWAY).await;
        }
    }
}

/// The pods that live.
pub struct Kubelets {
    hands: Arc<Hands>,
    pods: BTreeMap<String, Orders>,
}

impl Kubelets {
    /// None yet.
    pub fn new(hands: Hands) -> Self {
        Self { hands: Arc::new(hands), pods: BTreeMap::new() }
    }

    /// Begins the life of new pods; tells others what has become of their objects.
    pub fn step(&mut self, local: &Local) -> Option<Duration> {
        let pods = local.list(POD, "", &Selector::default());
        let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let live: BTreeMap<String, Arc<Value>> = pods.into_iter().map(|pod| (uid(&pod), pod)).collect();
        self.pods.retain(|uid, orders| {
            if !live.contains_key(uid) {
                orders.gone.cancel();
            }
            live.contains_key(uid)
        });
        for (uid, pod) in live {
            let leaving = pod["metadata"].get("deletionTimestamp").is_some();
            let orders = self.pods.entry(uid.clone()).or_insert_with(|| {
                let orders = Orders::default();
                let random = self.hands.seed.part("pods").stream(&uid);
                tokio::spawn(Life::new(self.hands.clone(), pod, orders.clone(), random).live());
                orders
            });
            if leaving {
                orders.leaving.cancel();
            }
        }
        None
    }
}

impl Drop for Kubelets {
    fn drop(&mut self) {
        for orders in self.pods.values() {
            orders.gone.cancel();
        }
    }
}
