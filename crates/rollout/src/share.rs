//! Arithmetic of shares: in percent of all requests, and in pods.

/// What the candidate gets of a `latest` target of `whole` percent while its own share in that is `percent`. Rounded to
/// the nearest, but something for both as long as each has a share.
pub fn share(whole: u32, percent: u32) -> u32 {
    match percent {
        0 => 0,
        100.. => whole,
        _ => ((whole * percent + 50) / 100).clamp(u32::from(whole > 1), whole.saturating_sub(1)),
    }
}

/// Pods that the candidate needs for `percent` of what both carry now with these pods; at most `max`. Each of the two
/// counts is rounded up already, so one pod of them is counted twice.
pub fn capacity(stable_pods: u32, candidate_pods: u32, percent: u32, max: u32) -> u32 {
    let both = u64::from(stable_pods) + u64::from(candidate_pods.saturating_sub(1));
    let need = (both * u64::from(percent)).div_ceil(100);
    u32::try_from(need).unwrap_or(u32::MAX).min(max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_by_hand() {
        assert_eq!([share(100, 25), share(100, 0), share(100, 100), share(50, 25)], [25, 0, 100, 13]);
        assert_eq!([share(2, 99), share(2, 1), share(1, 50), share(0, 50)], [1, 1, 0, 0]);
    }

    #[test]
    fn pods_by_hand() {
        assert_eq!(capacity(1, 1, 50, 10), 1, "a trickle needs one");
        assert_eq!(capacity(0, 0, 100, 10), 0, "both asleep");
        assert_eq!(capacity(10, 1, 50, 10), 5);
        assert_eq!(capacity(9, 2, 100, 10), 10);
        assert_eq!(capacity(20, 0, 100, 10), 10);
    }

    proptest! {
        #[test]
        fn a_share_is_within_one_of_the_exact_and_rises(whole in 0u32..=100, percent in 0u32..100) {
            let got = share(whole, percent);
            prop_assert!(got <= whole);
            prop_assert!((f64::from(got) - f64::from(whole * percent) / 100.0).abs() <= 1.0);
            prop_assert!(share(whole, percent + 1) >= got);
        }
    }
}
