//! From a request's door and host to a revision. Pure, but for the turn counter of a split.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use proxy::Failure;

use crate::{
    revision::Revision,
    table::{Destination, Table},
};

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// By host name; for everybody.
    Public,
    /// The port of one app or tag; for the cluster.
    Port(u16),
}

/// The revision that is to serve the request; `None` while the app has none but may soon have one: it is new, or one
/// of our watches is ahead of the other.
///
/// # Errors
/// [`Failure::NoRoute`]: no app that may be reached through this door. [`Failure::NoRevision`]: it has nothing to run.
pub(crate) fn route(table: &Table, door: Door, authority: &str) -> Result<Option<Arc<Revision>>, Failure> {
    let host = host(authority);
    let destination = match door {
        Door::Public => table.hosts.get(host.as_ref()),
        Door::Port(port) => table.ports.get(&port),
    };
    let (app, revision) = match destination.ok_or(Failure::NoRoute)? {
        Destination::Tag(app, place) => (app, app.tags[usize::from(*place)].revision.as_ref()),
        Destination::App(app) => {
            let label = host.split('.').next().unwrap_or_default();
            let tag = (door != Door::Public).then(|| app.tag(label)).flatten();
            (app, tag.map_or_else(|| app.split.next(), |tag| tag.revision.as_ref()))
        }
    };
    match (revision, &app.void) {
        (None, Some(why)) => Err(Failure::NoRevision(why.to_string())),
        (revision, _) => Ok(revision.cloned()),
    }
}

/// Host of an authority: without port and final dot, in lower case.
fn host(authority: &str) -> Cow<'_, str> {
    let host = match authority.rsplit_once(':') {
        // The last colon of an IPv6 address is within its brackets.
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// A revision and its share in percent.
type Share = (Arc<Revision>, u32);

/// Who gets the requests of an app.
#[derive(Debug)]
pub(crate) enum Split {
    Nobody,
    /// As nearly always: then there are no turns to be kept.
    One(Share),
    Many(Box<Turns>),
}

/// Shares of revisions, dealt out smoothly (nginx's smooth weighted round-robin): at 50/50 each of ten requests
/// goes to the other one. The order repeats after at most 100 turns, so it is computed once and taking a turn is one
/// atomic addition.
#[derive(Debug)]
pub(crate) struct Turns {
    shares: Vec<Share>,
    order: Box<[u8]>,
    turn: Arc<AtomicUsize>,
}

impl Split {
    /// A split; goes on with the turns of `last` when the shares are the same.
    pub(crate) fn new(mut shares: Vec<Share>, last: Option<&Self>) -> Self {
        match shares.len() {
            0 => Self::Nobody,
            1 => Self::One(shares.remove(0)),
            _ => Self::Many(Box::new(Turns::new(shares, last))),
        }
    }

    /// Whose turn it is; `None` when nobody has a share.
    fn next(&self) -> Option<&Arc<Revision>> {
        match self {
            Self::Nobody => None,
            Self::One((revision, _)) => Some(revision),
            Self::Many(turns) => Some(turns.next()),
        }
    }

    /// Revisions and their percentages.
    pub(crate) fn shares(&self) -> impl Iterator<Item = &Share> {
        match self {
            Self::Nobody => [].iter(),
            Self::One(share) => std::slice::from_ref(share).iter(),
            Self::Many(turns) => turns.shares.iter(),
        }
    }

    /// For `/debug/state`.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let share =
            |(revision, percent): &Share| serde_json::json!({"revision": revision.key.name(), "percent": percent});
        self.shares().map(share).collect()
    }
}

impl Turns {
    fn new(shares: Vec<Share>, last: Option<&Split>) -> Self {
        let weights: Vec<u32> = shares.iter().map(|(_, percent)| *percent).collect();
        let turn = match last {
            Some(Split::Many(last)) if last.shares.iter().map(|(_, percent)| percent).eq(&weights) => {
                Arc::clone(&last.turn)
            }
            _ => Arc::default(),
        };
        Self { order: smooth_order(&weights), shares, turn }
    }

    fn next(&self) -> &Arc<Revision> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.shares[usize::from(self.order[turn % self.order.len()])].0
    }
}

/// One period of the smooth weighted round-robin over these weights.
fn smooth_order(weights: &[u32]) -> Box<[u8]> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let weights: Vec<i64> = weights.iter().map(|weight| i64::from(weight / divisor)).collect();
    let total: i64 = weights.iter().sum();
    let mut current = vec![0; weights.len()];
    let mut order = Vec::with_capacity(total as usize);
    for _ in 0..total {
        for (current, weight) in current.iter_mut().zip(&weights) {
            *current += weight;
        }
        let mut best = 0;
        for (index, value) in current.iter().enumerate() {
            if *value > current[best] {
                best = index;
            }
        }
        current[best] -= total;
        order.push(best as u8);
    }
    order.into()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(host("A.b:80"), "a.b");
        assert_eq!(host("a.b."), "a.b");
        assert_eq!(host("a.b.:80"), "a.b");
        assert_eq!(host("[::1]"), "[::1]");
        assert_eq!(host("[::1]:80"), "[::1]");
        assert_eq!(host(""), "");
    }

    #[test]
    fn half_and_half_alternates() {
        assert_eq!(*smooth_order(&[50, 50]), [0, 1]);
        assert_eq!(*smooth_order(&[60, 20, 20]), [0, 1, 0, 2, 0]);
        assert_eq!(*smooth_order(&[100]), [0]);
        assert_eq!(*smooth_order(&[]), [0u8; 0]);
    }

    proptest! {
        #[test]
        fn every_period_is_exact_and_every_window_near(
            cuts in proptest::collection::vec(0u32..=100, 0..5),
            start in 0usize..100,
            length in 1usize..100,
        ) {
            let mut cuts = cuts;
            cuts.extend([0, 100]);
            cuts.sort_unstable();
            let weights: Vec<u32> = cuts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let order = smooth_order(&weights);
            prop_assert!(order.len() <= 100);
            let all: Vec<usize> = (0..200).map(|turn| usize::from(order[turn % order.len()])).collect();
            for (index, weight) in weights.iter().enumerate() {
                let in_hundred = all[start..start + 100].iter().filter(|turn| **turn == index).count();
                prop_assert_eq!(in_hundred, *weight as usize, "any 100 in a row");
                let window = &all[start..start + length];
                let found = window.iter().filter(|turn| **turn == index).count() as f64;
                let wanted = f64::from(*weight) * length as f64 / 100.0;
                prop_assert!((found - wanted).abs() <= 2.0, "{found} of {wanted} in {length}");
            }
        }
    }
}
