//! Which app claims which public host, so that those who want the same are found among ten thousand.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash, RandomState};

/// Hashes alone, some dozen bytes an app: what is found has to be looked at, for different texts may have the same.
#[derive(Debug, Default)]
pub struct HostBook {
    hasher: RandomState,
    /// Host and app.
    by_host: BTreeSet<(u32, u32)>,
    /// App, host, and the claim on it.
    by_app: BTreeSet<(u32, u32, u32)>,
}

impl HostBook {
    /// Notes all that an app claims now, by host; returns the other apps with a claim on a host that it claims since
    /// now, or otherwise than before, or no longer.
    pub fn enter(&mut self, app: u32, claims: &[(String, impl Hash)]) -> Vec<u32> {
        let old: BTreeSet<_> = self.by_app.range((app, 0, 0)..=(app, u32::MAX, u32::MAX)).copied().collect();
        let new = claims.iter().map(|(host, claim)| (app, self.hash(host), self.hash(claim)));
        let new: BTreeSet<_> = new.collect();
        for entry in old.difference(&new) {
            self.by_app.remove(entry);
            self.by_host.remove(&(entry.1, app));
        }
        self.by_app.extend(&new);
        self.by_host.extend(new.iter().map(|(_, host, _)| (*host, app)));
        let changed = old.symmetric_difference(&new).map(|(_, host, _)| *host);
        let others: BTreeSet<u32> = changed.flat_map(|host| self.of_hash(host)).filter(|other| *other != app).collect();
        others.into_iter().collect()
    }

    /// The apps that may claim a host.
    pub fn claimants(&self, host: &str) -> Vec<u32> {
        self.of_hash(self.hash(host)).collect()
    }

    fn of_hash(&self, host: u32) -> impl Iterator<Item = u32> {
        self.by_host.range((host, 0)..=(host, u32::MAX)).map(|(_, app)| *app)
    }

    fn hash(&self, value: impl Hash) -> u32 {
        self.hasher.hash_one(value) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(hosts: &[(&str, u8)]) -> Vec<(String, u8)> {
        hosts.iter().map(|(host, claim)| ((*host).to_owned(), *claim)).collect()
    }

    #[test]
    fn a_change_concerns_those_who_claim_the_same_and_nobody_else() {
        let mut book = HostBook::default();
        assert!(book.enter(1, &claims(&[("a", 0), ("b", 0)])).is_empty());
        assert!(book.enter(2, &claims(&[("c", 0)])).is_empty());
        assert_eq!(book.enter(3, &claims(&[("b", 1), ("c", 1)])), [1, 2], "a new claim");
        assert!(book.enter(1, &claims(&[("a", 0), ("b", 0)])).is_empty(), "the same again is no change");
        assert_eq!(book.enter(2, &claims(&[("c", 9)])), [3], "another claim on the same host");
        assert_eq!(book.enter(1, &claims(&[("a", 0)])), [3], "a host that was given up");
        assert_eq!(book.claimants("b"), [3]);
        assert_eq!(book.enter(2, &claims(&[])), [3], "an app that is gone");
        assert_eq!((book.claimants("c"), book.claimants("d")), (vec![3], Vec::new()));
    }
}
