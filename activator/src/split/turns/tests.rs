use proptest::prelude::*;

use super::*;

/// Percentages of so many revisions; none is 0.
fn shares(revisions: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<u32>> {
    let cuts = |count: usize| proptest::sample::subsequence((1..100u32).collect::<Vec<_>>(), count - 1);
    revisions.prop_flat_map(cuts).prop_map(|mut cuts| {
        cuts.insert(0, 0);
        cuts.push(100);
        cuts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    })
}

/// How far from its exact share each is in the window.
fn deviations(weights: &[u32], window: &[u8]) -> Vec<f64> {
    let deviation = |(place, weight): (usize, &u32)| {
        let found = window.iter().filter(|turn| usize::from(**turn) == place).count();
        found as f64 - f64::from(*weight) * window.len() as f64 / 100.0
    };
    weights.iter().enumerate().map(deviation).collect()
}

fn two_hundred(weights: &[u32]) -> Vec<u8> {
    order(weights).iter().copied().cycle().take(200).collect()
}

#[test]
fn half_and_half_alternates() {
    assert_eq!(*order(&[50, 50]), [0, 1]);
    assert_eq!(*order(&[60, 20, 20]), [0, 1, 0, 2, 0]);
    assert_eq!(order(&[99, 1]).iter().position(|turn| *turn == 1), Some(50), "in the middle");
}

#[test]
fn two_revisions_are_within_one_in_every_window_of_every_split() {
    for percent in 1..100 {
        let weights = [percent, 100 - percent];
        // How far the first is from its share after so many turns; a window is the difference of two of these.
        let mut apart = vec![0.0f64];
        for turn in two_hundred(&weights) {
            let last = apart[apart.len() - 1];
            apart.push(last + f64::from(u8::from(turn == 0)) - f64::from(percent) / 100.0);
        }
        for (start, end) in (0..100).flat_map(|start| (start..=200).map(move |end| (start, end))) {
            let deviation = (apart[end] - apart[start]).abs();
            assert!(deviation <= 1.0 + 1e-9, "{percent}: {deviation} in turns {start} to {end}");
        }
    }
}

proptest! {
    #[test]
    fn several_are_within_one_from_the_start_within_two_in_any_window_and_exact_in_a_hundred(
        weights in shares(2..=8),
        start in 0usize..100,
        length in 1usize..100,
    ) {
        let (order, all) = (order(&weights), two_hundred(&weights));
        prop_assert!(order.len() <= 100);
        let bound = 1.0 - 1.0 / (2.0 * weights.len() as f64 - 2.0);
        for deviation in deviations(&weights, &all[..length]) {
            prop_assert!(deviation.abs() <= bound + 1e-9, "{deviation} after {length}");
        }
        for deviation in deviations(&weights, &all[start..start + length]) {
            prop_assert!(deviation.abs() < 2.0, "{deviation} in {length} from {start}");
        }
        for deviation in deviations(&weights, &all[start..start + 100]) {
            prop_assert!(deviation.abs() < 1e-9, "{deviation} in any 100 in a row");
        }
    }

    /// Shares change after any number of requests, again and again.
    #[test]
    fn nobody_is_starved_or_favoured_by_changes_of_shares(
        changes in (2usize..=4).prop_flat_map(|count| prop::collection::vec((shares(count..=count), 0usize..30), 1..60)),
    ) {
        let count = changes[0].0.len();
        let mut owed = vec![0.0; count];
        let mut deviation = vec![0.0f64; count];
        for (weights, requests) in changes {
            let order = order(&weights);
            let (first, carried) = resume(&weights, &order, owed);
            let window: Vec<u8> = order.iter().copied().cycle().skip(first).take(requests).collect();
            for (sum, more) in deviation.iter_mut().zip(deviations(&weights, &window)) {
                *sum += more;
            }
            let debts = debts(&weights, &order).nth((first + requests) % order.len()).expect("within the period");
            owed = carried.iter().zip(debts).map(|(carried, debt)| carried + debt).collect();
            let bound = if count == 2 { 1.0 } else { 2.0 };
            prop_assert!(deviation.iter().all(|sum| sum.abs() <= bound + 1e-6), "{deviation:?}");
        }
    }
}
