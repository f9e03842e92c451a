//! Who has how many of a gate's places, and what each may have. Pure.
//!
//! Activators know nothing of each other. The gate knows them all, and tells each in every answer what is left for it:
//! places are given and returned with no other hop, and when all want them they are divided evenly.

use std::net::IpAddr;

/// One who sends requests.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Peer {
    ip: IpAddr,
    inside: u32,
    waiting: u32,
}

/// All who have requests inside or waiting; few, so a list.
#[derive(Debug, Default)]
pub(super) struct Peers(Vec<Peer>);

impl Peers {
    pub(super) fn waits(&mut self, ip: IpAddr) {
        self.of(ip).waiting += 1;
    }

    pub(super) fn enters(&mut self, ip: IpAddr) {
        self.of(ip).inside += 1;
    }

    pub(super) fn stops_waiting(&mut self, ip: IpAddr) {
        self.of(ip).waiting -= 1;
        self.forget();
    }

    pub(super) fn leaves(&mut self, ip: IpAddr) {
        self.of(ip).inside -= 1;
        self.forget();
    }

    /// How many of `limit` places this one may have: what the others have not, but while others wait no more than an
    /// even part. At least one: it has to ask to learn that it may have more.
    pub(super) fn places(&self, ip: IpAddr, limit: u32) -> u32 {
        let others = || self.0.iter().filter(|peer| peer.ip != ip);
        let left = limit.saturating_sub(others().map(|peer| peer.inside).sum());
        let even = limit / (1 + others().count() as u32);
        let crowded = others().any(|peer| peer.waiting > 0);
        if crowded { even.max(1) } else { left.max(even).max(1) }
    }

    fn of(&mut self, ip: IpAddr) -> &mut Peer {
        let at = self.0.iter().position(|peer| peer.ip == ip).unwrap_or_else(|| {
            self.0.push(Peer { ip, inside: 0, waiting: 0 });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    fn forget(&mut self) {
        self.0.retain(|peer| peer.inside + peer.waiting > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn with(inside: [u32; 2], waiting: [u32; 2]) -> Peers {
        let mut peers = Peers::default();
        for (ip, (inside, waiting)) in [A, B].into_iter().zip(inside.into_iter().zip(waiting)) {
            (0..inside).for_each(|_| peers.enters(ip));
            (0..waiting).for_each(|_| peers.waits(ip));
        }
        peers
    }

    #[test]
    fn alone_it_has_everything() {
        assert_eq!(with([3, 0], [0, 0]).places(A, 10), 10);
    }

    #[test]
    fn what_one_does_not_need_the_other_may_have() {
        let peers = with([2, 5], [0, 0]);
        assert_eq!((peers.places(A, 10), peers.places(B, 10)), (5, 8));
        let peers = with([2, 1], [0, 0]);
        assert_eq!((peers.places(A, 10), peers.places(B, 10)), (9, 8));
    }

    #[test]
    fn when_somebody_waits_all_have_the_same() {
        let peers = with([10, 0], [0, 1]);
        assert_eq!((peers.places(A, 10), peers.places(B, 10)), (5, 5));
        let peers = with([1, 0], [0, 1]);
        assert_eq!((peers.places(A, 1), peers.places(B, 1)), (1, 1), "one may always ask");
    }

    #[test]
    fn whoever_has_nothing_left_is_forgotten() {
        let mut peers = with([1, 0], [0, 1]);
        peers.stops_waiting(B);
        assert_eq!(peers.places(A, 10), 10);
        peers.leaves(A);
        assert!(peers.0.is_empty());
    }
}
