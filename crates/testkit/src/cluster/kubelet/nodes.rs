//! Nodes: who has room, and which addresses are given.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// First address of the pods' network.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);

/// The nodes and what is on them.
#[derive(Debug)]
pub struct Nodes {
    /// Pods on each node.
    pods: BTreeMap<String, usize>,
    room: usize,
    addresses: u32,
}

impl Nodes {
    /// So many empty nodes, each with room for so many pods.
    pub fn new(count: usize, room: usize) -> Self {
        let pods = (0..count).map(|number| (format!("node-{number}"), 0)).collect();
        Self { pods, room, addresses: 0 }
    }

    /// A place on the emptiest node, the first of equals; none when all are full.
    pub fn take(&mut self) -> Option<String> {
        let (name, pods) = self.pods.iter_mut().min_by_key(|(_, pods)| **pods)?;
        if *pods >= self.room {
            return None;
        }
        *pods += 1;
        Some(name.clone())
    }

    /// Counts a pod that somebody else put on a node.
    pub fn add(&mut self, node: &str) {
        *self.pods.entry(node.to_owned()).or_default() += 1;
    }

    /// A pod is gone from a node.
    pub fn free(&mut self, node: &str) {
        if let Some(pods) = self.pods.get_mut(node) {
            *pods = pods.saturating_sub(1);
        }
    }

    /// How many nodes there are.
    pub fn count(&self) -> usize {
        self.pods.len()
    }

    /// An address that no pod ever had: one that comes again would hide who still speaks to the old one.
    pub fn address(&mut self) -> IpAddr {
        self.addresses += 1;
        IpAddr::V4(Ipv4Addr::from(u32::from(FIRST) + self.addresses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_spread_until_all_is_full() {
        let mut nodes = Nodes::new(2, 2);
        let taken: Vec<_> = (0..5).map(|_| nodes.take()).collect();
        let named: Vec<_> = taken.iter().map(|node| node.as_deref()).collect();
        assert_eq!(named, [Some("node-0"), Some("node-1"), Some("node-0"), Some("node-1"), None]);
        nodes.free("node-1");
        assert_eq!(nodes.take().as_deref(), Some("node-1"));
        assert_ne!(nodes.address(), nodes.address());
    }
}
