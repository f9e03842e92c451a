//! Which part of a pod's places each activator may fill while more pods are on their way. Pure.

use scaling::{Metric, Spec};

/// Requests that one pod should carry at a time; 0 when its target is not one of requests at a time.
pub fn places(spec: &Spec) -> u32 {
    match spec.metric {
        Metric::Concurrency => spec.target.ceil() as u32,
        Metric::RequestRate | Metric::Cpu | Metric::Memory => 0,
    }
}

/// Parts of the `slots` places of a new pod, in proportion to what each activator holds now. They add up to `slots`.
///
/// When everything held fits in, each part is at least what its activator holds: so nothing is left for a second round.
pub fn parts(held: &[u32], slots: u32) -> Vec<u32> {
    let all: u64 = held.iter().map(|h| u64::from(*h)).sum();
    let taken = all.min(u64::from(slots));
    let spare = u64::from(slots) - taken;
    let mut running = 0;
    let by_holding = held.iter().map(|held| {
        let before = running;
        running += u64::from(*held);
        portion(running, taken, all) - portion(before, taken, all)
    });
    let count = held.len() as u64;
    let equally = (0..count).map(|i| portion(i + 1, spare, count) - portion(i, spare, count));
    by_holding.zip(equally).map(|(held, spare)| (held + spare) as u32).collect()
}

/// `part` of `whole` in units of which `amount` are the whole, rounded down.
fn portion(part: u64, amount: u64, whole: u64) -> u64 {
    (part * amount).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hundred_requests_at_two_activators_fill_ten_pods_exactly() {
        let mut held = [53, 47];
        for _ in 0..10 {
            let parts = parts(&held, 10);
            assert_eq!(parts.iter().sum::<u32>(), 10);
            held = [held[0] - parts[0], held[1] - parts[1]];
        }
        assert_eq!(held, [0, 0]);
    }

    #[test]
    fn when_nobody_waits_all_are_equal() {
        assert_eq!(parts(&[0, 0], 10), [5, 5]);
        assert!(parts(&[], 10).is_empty());
    }

    proptest! {
        #[test]
        fn the_parts_add_up_and_what_fits_is_given(held in proptest::collection::vec(0u32..5000, 1..8), slots in 1u32..9000) {
            let parts = parts(&held, slots);
            prop_assert_eq!(parts.iter().sum::<u32>(), slots);
            if held.iter().sum::<u32>() <= slots {
                prop_assert!(parts.iter().zip(&held).all(|(part, held)| part >= held));
            }
        }
    }
}
