//! What others say of a revision: the hub, `EndpointSlices`, the Revision's conditions, and connections that fail.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use super::{Revision, Wanted};
use crate::{endpoints::Listed, table::facts::Standing};

impl Revision {
    /// The hub says that a pod answers, and which share of its places is ours while more pods are to come.
    pub(crate) fn up(&self, address: SocketAddr, share: u32) {
        self.change(|live, now| live.endpoints.up(address, share, now));
    }

    /// The hub says that a pod drains.
    pub(crate) fn down(&self, address: SocketAddr) {
        self.change(|live, now| live.endpoints.down(address, now));
    }

    /// The hub says which pods answer.
    pub(crate) fn announced(&self, addresses: &[SocketAddr]) {
        self.change(|live, now| live.endpoints.announced(addresses, now));
    }

    /// The slices say which pods there are.
    pub(crate) fn listed(&self, listed: &BTreeMap<SocketAddr, Listed>) {
        self.change(|live, now| live.endpoints.listed(listed, now));
    }

    /// A pod refused a connection.
    pub(crate) fn refused(&self, address: SocketAddr) {
        self.change(|live, now| live.endpoints.refused(address, now));
    }

    /// What the autoscaler wants.
    pub(crate) fn set_wanted(&self, Wanted { replicas, activators, places }: Wanted) {
        self.activators.store(activators.max(1), Ordering::Relaxed);
        self.places.store(places, Ordering::Relaxed);
        let before = self.desired.swap(replicas, Ordering::Relaxed);
        self.change(|live, now| {
            live.desired_changed(before, replicas, now);
            if let Some(cold) = live.waking.as_mut().filter(|_| replicas > 0) {
                cold.scaled.get_or_insert(now);
            }
        });
    }

    /// What the Revision's conditions say. Those who wait are told at the moment that a failure appears; of what may
    /// pass by itself at the end of their wait.
    pub(crate) fn stands(&self, standing: &Standing) {
        let mut live = self.live();
        if live.standing == *standing {
            return;
        }
        live.standing = standing.clone();
        match standing {
            Standing::Failed(why) if self.ready.load().is_empty() => {
                let why: Arc<str> = format!("revision {} cannot start: {why}", self.key.name()).into();
                live.failure = Some(Arc::clone(&why));
                self.dismiss(&mut live, &why);
            }
            _ => live.failure = None,
        }
    }

    /// The Revision was deleted.
    pub(crate) fn gone(&self) {
        let why: Arc<str> = format!("revision {} was deleted", self.key.name()).into();
        let mut live = self.live();
        live.failure = Some(Arc::clone(&why));
        self.dismiss(&mut live, &why);
        drop(live);
        self.shared.metrics.forget(&self.labels());
    }
}
