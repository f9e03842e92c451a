//! The rules, by name.

/// The rule that had the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The average over the stable window, or what the pods use.
    Load,
    /// A burst: no scale-in until it has passed.
    Burst,
    /// Less is wanted, but not for long enough yet.
    Delay,
    /// Requests that no ready pod can take.
    Demand,
    /// A start in progress is left alone.
    Starting,
    /// A start failed: no pod before the wait is over and requests ask for one.
    Failed,
    /// No load, but the grace has not passed.
    Grace,
    /// No load and the grace is over, but the user keeps the last pod longer.
    Retention,
    /// No load for the window and the grace.
    Idle,
    /// At zero, and nobody asks.
    Asleep,
    /// Ready pods do not report, or what they use is not known: no data is not zero.
    Unreported,
    /// The one who decides has just taken over and may not know everything yet.
    Settling,
    /// Raised to the user's minimum.
    Minimum,
    /// Raised to the minimum of a schedule.
    Schedule,
    /// Lowered to the user's maximum.
    Maximum,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Load,
        Self::Burst,
        Self::Delay,
        Self::Demand,
        Self::Starting,
        Self::Failed,
        Self::Grace,
        Self::Retention,
        Self::Idle,
        Self::Asleep,
        Self::Unreported,
        Self::Settling,
        Self::Minimum,
        Self::Schedule,
        Self::Maximum,
    ];

    /// One lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Burst => "burst",
            Self::Delay => "delay",
            Self::Demand => "demand",
            Self::Starting => "starting",
            Self::Failed => "failed",
            Self::Grace => "grace",
            Self::Retention => "retention",
            Self::Idle => "idle",
            Self::Asleep => "asleep",
            Self::Unreported => "unreported",
            Self::Settling => "settling",
            Self::Minimum => "minimum",
            Self::Schedule => "schedule",
            Self::Maximum => "maximum",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        let names: HashSet<_> = Reason::ALL.map(Reason::as_str).into();
        assert_eq!(names.len(), Reason::ALL.len());
        assert_eq!(Reason::Retention.as_str(), "retention");
    }
}
