//! The user's bounds on a number of pods.

use crate::Spec;

/// Which bound changed a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// None.
    Within,
    /// Raised to the minimum.
    Minimum,
    /// Lowered to the maximum.
    Maximum,
}

/// `pods` within `spec`. The minimum holds only for a revision that is routed: nobody can reach another one.
pub fn bounded(pods: u32, spec: &Spec, routed: bool) -> (u32, Bound) {
    let min = if routed { spec.min } else { 0 };
    let max = if spec.max == 0 { u32::MAX } else { spec.max };
    if pods > max || min > max {
        (max, Bound::Maximum)
    } else if pods < min {
        (min, Bound::Minimum)
    } else {
        (pods, Bound::Within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_always_holds_and_the_minimum_when_routed() {
        let spec = Spec { min: 2, max: 4, ..Spec::default() };
        assert_eq!(bounded(1, &spec, true), (2, Bound::Minimum));
        assert_eq!(bounded(1, &spec, false), (1, Bound::Within));
        assert_eq!(bounded(3, &spec, true), (3, Bound::Within));
        assert_eq!(bounded(2, &spec, true), (2, Bound::Within));
        assert_eq!(bounded(4, &spec, true), (4, Bound::Within));
        assert_eq!(bounded(4, &Spec { min: 4, ..spec }, true), (4, Bound::Within));
        assert_eq!(bounded(9, &spec, false), (4, Bound::Maximum));
        assert_eq!(bounded(9, &Spec { max: 0, ..spec }, true), (9, Bound::Within));
        assert_eq!(bounded(3, &Spec { min: 6, ..spec }, true), (4, Bound::Maximum), "never above max");
    }
}
