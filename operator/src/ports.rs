//! In-cluster ports of the activators: one for each app and for each tag.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use api::labels::CLUSTER_PORTS;

use crate::error::Error;

/// Who has which port. The truth is in the status of the apps; this also knows what is about to be written there.
#[derive(Debug, Default)]
pub struct PortBook {
    by_port: HashMap<u16, Box<str>>,
}

impl PortBook {
    /// The port of `owner` (`namespace/name` or `namespace/tag-name`): the one from its status if nobody else has it,
    /// otherwise a free one.
    pub fn claim(&mut self, owner: &str, stated: Option<u16>) -> Result<u16, Error> {
        if let Some(port) = stated.filter(|port| self.enter(owner, *port)) {
            return Ok(port);
        }
        if let Some((port, _)) = self.by_port.iter().find(|(_, o)| ***o == *owner) {
            return Ok(*port);
        }
        let port = self.first_free(owner)?;
        self.by_port.insert(port, owner.into());
        Ok(port)
    }

    /// Notes that `owner` has `port`; says whether that is so now, for another may have it already.
    pub fn enter(&mut self, owner: &str, port: u16) -> bool {
        CLUSTER_PORTS.contains(&port) && self.by_port.entry(port).or_insert_with(|| owner.into()).as_ref() == owner
    }

    /// Gives back all ports for which `keep` says no.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.by_port.retain(|_, owner| keep(owner));
    }

    /// Begins at a place drawn from the name, so that a port that was just given back is not taken by the next app
    /// while some activator still listens there for the former.
    fn first_free(&self, owner: &str) -> Result<u16, Error> {
        let count = CLUSTER_PORTS.len();
        let mut hasher = DefaultHasher::new();
        owner.hash(&mut hasher);
        let start = hasher.finish() as usize % count;
        (0..count)
            .filter_map(|i| CLUSTER_PORTS.clone().nth((start + i) % count))
            .find(|port| !self.by_port.contains_key(port))
            .ok_or(Error::PortsExhausted(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_keeps_its_port_and_no_two_share_one() {
        let mut book = PortBook::default();
        let ports: Vec<u16> = (0..2_000).map(|i| book.claim(&format!("ns/a{i}"), None).expect("free")).collect();
        let distinct: std::collections::HashSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), ports.len());
        assert_eq!(book.claim("ns/a7", None).expect("kept"), ports[7]);
    }

    #[test]
    fn a_stated_port_is_kept_unless_taken_or_out_of_range() {
        let mut book = PortBook::default();
        assert_eq!(book.claim("ns/a", Some(20_000)).expect("free"), 20_000);
        assert_ne!(book.claim("ns/b", Some(20_000)).expect("free"), 20_000);
        assert!(CLUSTER_PORTS.contains(&book.claim("ns/c", Some(80)).expect("free")));
    }

    #[test]
    fn exhaustion_is_an_error_and_giving_back_ends_it() {
        let mut book = PortBook::default();
        for i in 0..CLUSTER_PORTS.len() {
            book.claim(&i.to_string(), None).expect("free");
        }
        assert!(matches!(book.claim("one more", None), Err(Error::PortsExhausted(_))));
        book.retain(|owner| owner != "0");
        assert!(book.claim("one more", None).is_ok());
    }
}
