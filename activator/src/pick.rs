//! Choosing a pod: the less loaded of two random ones, without a lock; and the right to use it.

mod lease;
mod slot;

use std::sync::Arc;

pub(crate) use self::{
    lease::{Lease, Owner},
    slot::Slot,
};
use crate::hold::share::Cap;

/// Sum over all pods.
pub(crate) fn outstanding(slots: &[Arc<Slot>]) -> u32 {
    slots.iter().map(|slot| slot.outstanding()).sum()
}

/// The less loaded of two random pods, or any with room if both are full; its place is taken.
pub(crate) fn choose(slots: &[Arc<Slot>], cap: Cap) -> Option<&Arc<Slot>> {
    match slots {
        [] => None,
        [only] => only.reserve(cap).then_some(only),
        _ => {
            let dice: u64 = rand::random();
            let count = slots.len();
            let first = (dice >> 32) as usize % count;
            // Another one than the first: one of the other places, counted from it.
            let second = (first + 1 + (dice as u32) as usize % (count - 1)) % count;
            let (a, b) = (&slots[first], &slots[second]);
            let (less, more) = if b.outstanding() < a.outstanding() { (b, a) } else { (a, b) };
            [less, more].into_iter().chain(slots).find(|slot| slot.reserve(cap))
        }
    }
}

/// The least loaded pod of all that have room, for an even release of many; its place is taken. Those that have room under
/// `first` come before those that have it under `cap`.
///
/// For one who stands in the queue: if there is none, whoever makes room from now on sees that somebody waits.
pub(crate) fn least(slots: &[Arc<Slot>], first: Option<Cap>, cap: Cap) -> Option<&Arc<Slot>> {
    let found = first.and_then(|first| least_loaded(slots, first)).or_else(|| least_loaded(slots, cap));
    // Nobody has room, or somebody without a lock was quicker there.
    found.or_else(|| slots.iter().find(|slot| slot.reserve_or_be_seen(cap)))
}

fn least_loaded(slots: &[Arc<Slot>], cap: Cap) -> Option<&Arc<Slot>> {
    let with_room = slots.iter().filter(|slot| slot.has_room(cap));
    let slot = with_room.min_by_key(|slot| slot.outstanding())?;
    slot.reserve(cap).then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(taken: &[u32]) -> Vec<Arc<Slot>> {
        let slot = |(index, taken): (usize, &u32)| {
            let slot = Slot::new(([10, 0, 0, index as u8], 8012).into());
            assert!((0..*taken).all(|_| slot.reserve(Cap::Open)));
            slot
        };
        taken.iter().enumerate().map(slot).collect()
    }

    #[test]
    fn of_two_the_less_loaded() {
        let slots = slots(&[5, 1]);
        for _ in 0..4 {
            assert_eq!(choose(&slots, Cap::Open).unwrap().address, slots[1].address);
        }
        assert_eq!(outstanding(&slots), 10);
    }

    #[test]
    fn never_beyond_the_cap() {
        let slots = slots(&[3, 3, 3, 2]);
        assert_eq!(choose(&slots, Cap::Limit { limit: 3, even: 3 }).unwrap().address, slots[3].address);
        assert!(choose(&slots, Cap::Limit { limit: 3, even: 3 }).is_none());
        assert!(least(&slots, None, Cap::Limit { limit: 3, even: 3 }).is_none());
        assert!(choose(&[], Cap::Limit { limit: 3, even: 3 }).is_none());
    }

    #[test]
    fn what_was_given_comes_first() {
        let slots = slots(&[0, 4]);
        slots[1].give(5);
        let next = || least(&slots, Some(Cap::Share(0)), Cap::Share(2)).map(|slot| slot.address);
        let [a, b] = [slots[0].address, slots[1].address];
        assert_eq!([next(), next(), next(), next()], [Some(b), Some(a), Some(a), None]);
    }

    #[test]
    fn many_spread_evenly() {
        let slots = slots(&[0; 4]);
        for _ in 0..40 {
            least(&slots, None, Cap::Open).unwrap();
        }
        assert!(slots.iter().all(|slot| slot.outstanding() == 10));
        for _ in 0..400 {
            choose(&slots, Cap::Open).unwrap();
        }
        assert!(slots.iter().all(|slot| slot.outstanding().abs_diff(110) < 10));
    }
}
