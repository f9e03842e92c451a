//! The streams' side of the core: who joins, what is said, who leaves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use wire::{Down, Endpoint, Load, Up};

use super::super::activator::Activator;
use super::super::revision::{Announced, Pod, Revision};
use super::super::share;
use super::{Core, Effect, Peer, PeerId, Violation, encode};

impl Core {
    /// An activator has proved itself.
    pub fn join_activator(&mut self, epoch: u64, pod: String) -> PeerId {
        let id = self.next_peer();
        let activator = self.activators.entry(pod.clone()).or_insert_with(|| Activator::new(epoch));
        if let Some(former) = activator.join(id, epoch) {
            self.peers.remove(&former);
            self.effects.push(Effect::Close { peer: former });
        }
        self.peers.insert(id, Peer::Activator(pod));
        let frames = self.opening();
        self.effects.push(Effect::Tell { peer: id, frames });
        id
    }

    /// A queue-proxy has proved itself; `confirmed` says that its address is its own.
    pub fn join_pod(&mut self, uid: &str, pod: String, address: SocketAddr, epoch: u64, confirmed: bool) -> PeerId {
        let id = self.next_peer();
        let uid: Arc<str> = uid.into();
        let spec = self.specs.share(scaling::Spec::default());
        let revision =
            self.revisions.entry(Arc::clone(&uid)).or_insert_with(|| Box::new(Revision::new(Arc::clone(&uid), spec)));
        let position = revision.pods.iter().position(|known| known.name == pod);
        let mut entry = match position {
            Some(at) => revision.pods.swap_remove(at),
            None => Pod::new(pod.clone(), address, epoch),
        };
        let former = entry.peer.take();
        let mut gone = None;
        if entry.clock.epoch() != epoch || entry.address != address {
            // Another process: what the former one said holds no longer.
            gone = entry.vouched.then_some(entry.address);
            entry = Pod::new(pod.clone(), address, epoch);
        }
        entry.peer = Some(id);
        entry.confirmed = confirmed;
        entry.heard = None;
        revision.pods.push(entry);
        self.peers.insert(id, Peer::Pod { uid: Arc::clone(&uid), pod });
        if let Some(former) = former {
            self.peers.remove(&former);
            self.effects.push(Effect::Close { peer: former });
        }
        if let Some(address) = gone {
            self.broadcast(&Down::EndpointDown(Endpoint { revision_uid: uid.to_string(), address }));
        }
        id
    }

    /// The address of a queue-proxy has been confirmed.
    pub fn confirm(&mut self, peer: PeerId) {
        if let Some((_, pod)) = self.pod(peer) {
            pod.confirmed = true;
            self.vouch(peer);
        }
    }

    /// A message has come.
    ///
    /// # Errors
    /// When this kind of sender may not send it.
    pub fn message(&mut self, now: Duration, peer: PeerId, message: Up) -> Result<(), Violation> {
        match (self.peers.get(&peer), message) {
            (None, _) => Ok(()),
            (Some(Peer::Activator(_)), Up::Report { second, loads }) => {
                self.activator_report(now, peer, second, loads);
                Ok(())
            }
            (Some(Peer::Activator(_)), Up::Demand { revision_uid, held }) => {
                self.demand(now, peer, &revision_uid, held);
                Ok(())
            }
            (Some(Peer::Pod { .. }), Up::Report { second, loads }) => self.pod_report(now, peer, second, &loads),
            (Some(Peer::Pod { .. }), Up::Ready) => {
                if let Some((uid, pod)) = self.pod(peer) {
                    pod.announced = Announced::Ready;
                    self.wakes.ready(now, &uid);
                }
                self.vouch(peer);
                Ok(())
            }
            (Some(Peer::Pod { .. }), Up::Draining) => {
                self.drain(peer);
                Ok(())
            }
            (Some(Peer::Pod { uid, pod }), Up::Worn) => {
                self.effects.push(Effect::Replace { uid: Arc::clone(uid), pod: pod.clone() });
                Ok(())
            }
            (Some(Peer::Activator(_)), Up::Ready | Up::Draining | Up::Worn)
            | (Some(Peer::Pod { .. }), Up::Demand { .. })
            // An activator's go to `outcomes`.
            | (Some(_), Up::Outcomes { .. }) => Err(Violation),
        }
    }

    /// A stream has ended.
    pub fn leave(&mut self, now: Duration, peer: PeerId) {
        match self.peers.get(&peer) {
            Some(Peer::Activator(name)) => {
                if let Some(activator) = self.activators.get_mut(name) {
                    activator.lose(now);
                }
            }
            Some(Peer::Pod { .. }) => {
                if let Some((_, pod)) = self.pod(peer) {
                    pod.peer = None;
                    pod.lost_at = now;
                    pod.heard = None;
                    pod.in_flight = 0;
                }
            }
            None => {}
        }
        self.peers.remove(&peer);
        if self.peers.len() < self.peers.capacity() / 4 {
            self.peers.shrink_to_fit();
        }
    }

    fn next_peer(&mut self) -> PeerId {
        self.last_peer += 1;
        self.last_peer
    }

    fn pod(&mut self, peer: PeerId) -> Option<(Arc<str>, &mut Pod)> {
        let Some(Peer::Pod { uid, pod }) = self.peers.get(&peer) else { return None };
        let pods = &mut self.revisions.get_mut(uid)?.pods;
        Some((Arc::clone(uid), pods.iter_mut().find(|known| known.name == *pod)?))
    }

    fn activator_report(&mut self, now: Duration, peer: PeerId, second: u64, loads: Vec<Load>) {
        let Some(Peer::Activator(name)) = self.peers.get(&peer) else { return };
        let Some(activator) = self.activators.get_mut(name) else { return };
        activator.report(second, now.as_secs());
        let mut waiting = Vec::new();
        for load in loads {
            let Some(revision) = self.revisions.get_mut(load.revision_uid.as_str()) else {
                self.ignored += 1;
                continue;
            };
            activator.load(&revision.uid, load.now, &load.buckets, |second, concurrency| {
                revision.memory.observe_held(second, concurrency);
            });
            if load.now > 0 {
                waiting.push(Arc::clone(&revision.uid));
            }
        }
        for uid in waiting {
            self.judge_demand(now, &uid);
        }
    }

    fn demand(&mut self, now: Duration, peer: PeerId, uid: &str, held: u32) {
        let Some(Peer::Activator(name)) = self.peers.get(&peer) else { return };
        let Some(activator) = self.activators.get_mut(name) else { return };
        match self.revisions.get(uid) {
            Some(revision) => activator.demand(&revision.uid, held),
            None => self.ignored += 1,
        }
        self.judge_demand(now, uid);
    }

    fn pod_report(&mut self, now: Duration, peer: PeerId, second: u64, loads: &[Load]) -> Result<(), Violation> {
        let Some(Peer::Pod { uid, pod }) = self.peers.get(&peer) else { return Ok(()) };
        let Some(revision) = self.revisions.get_mut(uid) else { return Ok(()) };
        let Some(pod) = revision.pods.iter_mut().find(|known| known.name == *pod) else { return Ok(()) };
        pod.clock.report(second, now.as_secs());
        pod.heard = Some(now);
        for load in loads {
            if *load.revision_uid != **uid {
                return Err(Violation);
            }
            pod.in_flight = load.now;
            for bucket in &load.buckets {
                if pod.counted.is_none_or(|counted| bucket.second > counted)
                    && let Some(second) = pod.clock.ours(bucket.second)
                {
                    pod.counted = Some(bucket.second);
                    revision.memory.observe_pod(second, bucket);
                }
            }
        }
        Ok(())
    }

    /// Tells activators of a pod that is ready and whose address is its own, once.
    fn vouch(&mut self, peer: PeerId) {
        let Some((uid, pod)) = self.pod(peer) else { return };
        if pod.announced == Announced::Ready && pod.confirmed && !pod.vouched {
            pod.vouched = true;
            let endpoint = Endpoint { revision_uid: uid.to_string(), address: pod.address };
            self.announce(&uid, endpoint);
        }
    }

    /// Each activator is told its part of what the pod should carry: the first pod that comes must not be buried
    /// under what the others are to share.
    fn announce(&mut self, uid: &str, endpoint: Endpoint) {
        let Some(revision) = self.revisions.get(uid) else { return };
        let (places, desired) = (share::places(revision.memory.spec()), revision.desired.max(1));
        let mut activators: Vec<_> = self.activators.iter().filter(|(_, a)| a.peer().is_some()).collect();
        activators.sort_by_key(|(name, _)| *name);
        let held: Vec<u32> = activators.iter().map(|(_, activator)| activator.held(uid)).collect();
        let slots = held.iter().sum::<u32>().div_ceil(desired).max(places).max(1);
        let parts = share::parts(&held, slots);
        for ((_, activator), share) in activators.into_iter().zip(parts) {
            let mut frames = BytesMut::new();
            encode(&Down::EndpointUp { endpoint: endpoint.clone(), share }, &mut frames);
            let peer = activator.peer().expect("chosen by it");
            self.effects.push(Effect::Tell { peer, frames: frames.freeze() });
        }
    }

    fn drain(&mut self, peer: PeerId) {
        let Some((uid, pod)) = self.pod(peer) else { return };
        if pod.announced == Announced::Draining {
            return;
        }
        pod.announced = Announced::Draining;
        pod.vouched = false;
        if pod.confirmed {
            let endpoint = Endpoint { revision_uid: uid.to_string(), address: pod.address };
            self.broadcast(&Down::EndpointDown(endpoint));
        }
    }

    /// What a new activator stream is told first.
    fn opening(&self) -> Bytes {
        let pods = |revision: &Revision, which: fn(&Pod) -> bool| {
            let uid = revision.uid.to_string();
            let chosen = revision.pods.iter().filter(move |pod| which(pod));
            chosen.map(|pod| Endpoint { revision_uid: uid.clone(), address: pod.address }).collect::<Vec<_>>()
        };
        let ready = self.revisions.values().flat_map(|revision| pods(revision, |pod| pod.vouched)).collect();
        let draining = self.revisions.values().flat_map(|revision| {
            pods(revision, |pod| pod.announced == Announced::Draining && pod.confirmed && pod.peer.is_some())
        });
        let desired = self
            .revisions
            .values()
            .filter(|revision| revision.desired > 0)
            .map(|revision| self.desired(&revision.uid, revision.desired));
        let mut frames = BytesMut::new();
        for message in Down::endpoints(ready).into_iter().chain(draining.map(Down::EndpointDown)).chain(desired) {
            encode(&message, &mut frames);
        }
        frames.freeze()
    }
}
