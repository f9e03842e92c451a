//! Which pods of one revision take requests: what the hub announces (fast) joined with what `EndpointSlices` say
//! (truth in the long run). A state machine with the time handed in; it opens no connection and starts no timer.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use tokio::time::Instant;

/// How long the hub's word counts against, or without, the slices.
pub(crate) const HUB_TRUST: Duration = Duration::from_secs(30);
/// How long an endpoint that refused a connection is left alone while the slices go on listing it as ready.
pub(crate) const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// The hub's last word that the slices have not yet made superfluous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Up(Instant),
    Down(Instant),
}

/// What the slices say of a pod; two may speak of it, then the better word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Listed {
    NotReady,
    /// Told to end, and still serving: taken while no other is there (KEP-1669).
    Leaving,
    Ready,
}

/// Whether a pod takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    No,
    AsLastResort,
    Yes,
}

#[derive(Debug)]
struct Entry {
    word: Word,
    /// As the slices list it; `None` when they do not.
    listed: Option<Listed>,
    refused: Option<Instant>,
    /// Our part of its places while more pods are to come; 0 = none given.
    share: u32,
}

impl Entry {
    const NEW: Self = Self { word: Word::None, listed: None, refused: None, share: 0 };

    /// Whether it takes requests, and when that changes by time alone.
    fn takes(&self, now: Instant) -> (Takes, Option<Instant>) {
        let listed = self.listed == Some(Listed::Ready);
        if let Word::Down(since) = self.word
            && now < since + HUB_TRUST
        {
            return (Takes::No, Some(since + HUB_TRUST));
        }
        if let Some(refused) = self.refused
            && (!listed || now < refused + REFUSED_PAUSE)
        {
            return (Takes::No, listed.then_some(refused + REFUSED_PAUSE));
        }
        match (self.listed, self.word) {
            (Some(Listed::Ready), _) => (Takes::Yes, None),
            (Some(Listed::Leaving), _) => (Takes::AsLastResort, None),
            (_, Word::Up(since)) if now < since + HUB_TRUST => (Takes::Yes, Some(since + HUB_TRUST)),
            _ => (Takes::No, None),
        }
    }

    /// Nothing speaks of it any more.
    fn forgotten(&self, now: Instant) -> bool {
        let silent = match self.word {
            Word::None => true,
            Word::Up(since) | Word::Down(since) => now >= since + HUB_TRUST,
        };
        silent && self.listed.is_none()
    }
}

/// All endpoints of one revision that anybody speaks of.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    entries: BTreeMap<SocketAddr, Entry>,
}

impl Endpoints {
    /// The hub says: this pod answers, and this share of its places is ours.
    pub(crate) fn up(&mut self, address: SocketAddr, share: u32, now: Instant) {
        let entry = self.entries.entry(address).or_insert(Entry::NEW);
        entry.share = share;
        entry.refused = None;
        entry.word = match entry.listed {
            Some(Listed::Ready) => Word::None,
            _ => Word::Up(now),
        };
    }

    /// The hub says: this pod drains, or its stream broke. Wins over a slice that still lists it as ready.
    pub(crate) fn down(&mut self, address: SocketAddr, now: Instant) {
        let entry = self.entries.entry(address).or_insert(Entry::NEW);
        entry.word = Word::Down(now);
    }

    /// The hub says: these answer. Announcements that are not among them are void.
    pub(crate) fn announced(&mut self, addresses: &[SocketAddr], now: Instant) {
        for entry in self.entries.values_mut() {
            if matches!(entry.word, Word::Up(_)) {
                entry.word = Word::None;
            }
        }
        for address in addresses {
            self.up(*address, 0, now);
        }
        self.entries.retain(|_, entry| !entry.forgotten(now));
    }

    /// The slices say: these pods exist, and this is how they are.
    pub(crate) fn listed(&mut self, listed: &BTreeMap<SocketAddr, Listed>, now: Instant) {
        for address in listed.keys() {
            self.entries.entry(*address).or_insert(Entry::NEW);
        }
        for (address, entry) in &mut self.entries {
            let new = listed.get(address).copied();
            if entry.listed != new {
                entry.refused = None;
            }
            if entry.listed.is_some() && new.is_none() && matches!(entry.word, Word::Down(_)) {
                entry.word = Word::None;
            }
            if new == Some(Listed::Ready) && matches!(entry.word, Word::Up(_)) {
                entry.word = Word::None;
            }
            entry.listed = new;
        }
        self.entries.retain(|_, entry| !entry.forgotten(now));
    }

    /// A connection to it was refused.
    pub(crate) fn refused(&mut self, address: SocketAddr, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.refused = Some(now);
        }
    }

    /// Forgets those of which nothing speaks any more.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.entries.retain(|_, entry| !entry.forgotten(now));
        if self.entries.is_empty() {
            // An empty map keeps the memory of its last pods.
            self.entries = BTreeMap::new();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Our part of a pod's places while more pods are to come; 0 = none given.
    pub(crate) fn share(&self, address: SocketAddr) -> u32 {
        self.entries.get(&address).map_or(0, |entry| entry.share)
    }

    /// Those that take requests now, in order, and when that changes by time alone.
    pub(crate) fn available(&self, now: Instant) -> (Vec<SocketAddr>, Option<Instant>) {
        let (mut available, mut last_resort) = (Vec::new(), Vec::new());
        let mut next: Option<Instant> = None;
        for (address, entry) in &self.entries {
            let (takes, changes) = entry.takes(now);
            match takes {
                Takes::Yes => available.push(*address),
                Takes::AsLastResort => last_resort.push(*address),
                Takes::No => {}
            }
            next = match (next, changes) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        (if available.is_empty() { last_resort } else { available }, next)
    }
}

#[cfg(test)]
mod tests;
