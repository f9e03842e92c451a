//! How much one pod may be given while a revision wakes or grows. Pure.

use std::time::Duration;

/// A request that was held this long no longer waits for pods that are still to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A revision's load as this activator sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Hard limit of one pod, 0 = none.
    pub(crate) limit: u32,
    /// Requests that one pod should carry at a time, 0 = there is no such number.
    pub(crate) places: u32,
    /// Pods that the autoscaler wants, 0 = not known.
    pub(crate) desired: u32,
    /// Activators that have requests for the same pods, this one included.
    pub(crate) activators: u32,
    /// Pods that take requests.
    pub(crate) ready: u32,
    /// Requests held.
    pub(crate) held: u32,
    /// Requests sent to pods and not over.
    pub(crate) outstanding: u32,
}

/// Most requests that one pod may have from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cap {
    /// The revision's hard limit; of a pod that has not said yet how much of it is ours, an even part.
    Limit { limit: u32, even: u32 },
    /// The share of the pod that the hub gave us, or this where it gave none.
    Share(u32),
    /// No bound.
    Open,
}

impl Cap {
    /// A limit that all activators keep together.
    pub(crate) fn hard(limit: u32, activators: u32) -> Self {
        Self::Limit { limit, even: (limit / activators.max(1)).max(1) }
    }
}

impl Load {
    /// Most requests that one pod may have from here. `patient`: the request in question
    /// has not been held for [`PATIENCE`] yet.
    ///
    /// While pods are still to come, the first that is ready must not be buried under what the others could share.
    pub(crate) fn cap(&self, patient: bool) -> Cap {
        if self.limit > 0 {
            return Cap::hard(self.limit, self.activators);
        }
        if !patient || self.ready >= self.desired {
            return Cap::Open;
        }
        // Rounded so that the parts of all activators are not more than a pod should carry; what is left over waits
        // until all pods are there.
        let load = self.held.saturating_add(self.outstanding);
        Cap::Share((self.places / self.activators.max(1)).max(load / self.desired).max(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load() -> impl Strategy<Value = Load> {
        (0u32..50, 1u32..300, 0u32..20, 0u32..20, 0u32..5000, 0u32..5000).prop_map(
            |(limit, places, desired, ready, held, outstanding)| Load {
                activators: 1 + held % 3,
                limit,
                places,
                desired,
                ready,
                held,
                outstanding,
            },
        )
    }

    #[test]
    fn the_first_of_four_pods_gets_a_quarter() {
        let load = Load { limit: 0, places: 10, activators: 1, desired: 4, ready: 1, held: 100, outstanding: 0 };
        assert_eq!(load.cap(true), Cap::Share(25));
        assert_eq!(load.cap(false), Cap::Open, "held long enough");
        assert_eq!(Load { ready: 4, ..load }.cap(true), Cap::Open, "all are there");
        assert_eq!(Load { held: 3, activators: 2, ..load }.cap(true), Cap::Share(5), "our part of its places");
        assert_eq!(Load { held: 3, ..load }.cap(true), Cap::Share(10), "at least its places");
        assert_eq!(Load { limit: 2, ..load }.cap(false), Cap::Limit { limit: 2, even: 2 }, "a hard limit stays");
        let three = Load { limit: 10, activators: 3, ..load };
        assert_eq!(three.cap(true), Cap::Limit { limit: 10, even: 3 });
        assert_eq!(Load { desired: 0, ..load }.cap(true), Cap::Open, "hub away");
    }

    proptest! {
        #[test]
        fn a_limit_is_never_exceeded(load in load(), patient: bool) {
            let load = Load { limit: load.limit + 1, ..load };
            let Cap::Limit { limit, even } = load.cap(patient) else { panic!("a limit") };
            prop_assert!(limit == load.limit && even >= 1 && even <= limit);
        }

        #[test]
        fn what_waits_fits_into_the_pods_to_come(load in load()) {
            let load = Load { limit: 0, desired: load.desired + 1, ..load };
            if let Cap::Share(share) = load.cap(true) {
                let room = (u64::from(share) + 1) * u64::from(load.desired);
                prop_assert!(share > 0 && room > u64::from(load.held + load.outstanding));
            }
        }

        #[test]
        fn who_waited_long_enough_is_bound_by_the_hard_limit_alone(load in load()) {
            prop_assert!(!matches!(load.cap(false), Cap::Share(_)));
        }
    }
}
