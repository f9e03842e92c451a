//! Which Revisions are kept, and which are not worth their place any more. Knative's rule (pkg/reconciler/gc).

use std::time::Duration;

use api::scaling::duration;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::check;

/// Knative's defaults (pkg/gc/config.go).
const SINCE_CREATED: Duration = Duration::from_hours(48);
const SINCE_UNROUTED: Duration = Duration::from_hours(15);
const MIN: u32 = 20;
const MAX: u32 = 1000;
/// Bounds of the settings: more versions than an app can have, ten years.
const VERSIONS: u32 = 100_000;
const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);

/// How many versions of each app are kept besides those in use, and for how long.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// So many stay whatever their age. Range 0 to 100000. Default 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// No more than so many stay whatever their age. Range 0 to 100000. Default 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Each stays for this time after it was made. Range 0s to ten years. Default 48h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_created: Option<kube::core::Duration>,
    /// Each stays for this time after it was last in use. Range 0s to ten years. Default 15h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_unrouted: Option<kube::core::Duration>,
}

/// What is looked at of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Name of the Revision.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Since when it has not been in use; none while it is, or when nobody has noted it yet.
    pub unrouted_since: Option<Timestamp>,
    /// In use or pinned: stays in any case, and does not count.
    pub protected: bool,
}

impl Retention {
    fn min(&self) -> usize {
        self.min.unwrap_or(self.max.map_or(MIN, |max| MIN.min(max))) as usize
    }

    fn max(&self) -> usize {
        self.max.unwrap_or(self.min.map_or(MAX, |min| MAX.max(min))) as usize
    }

    /// Names of those that are to go, oldest last use first. `versions`: all of one app, oldest first.
    pub fn surplus<'a>(&self, versions: &'a [Version], now: Timestamp) -> Vec<&'a str> {
        let mut free: Vec<&Version> = versions.iter().filter(|version| !version.protected).collect();
        // Of one that nobody has noted yet, the last use may be this moment.
        free.sort_by_key(|version| version.unrouted_since.unwrap_or(Timestamp::MAX));
        let (beyond_min, beyond_max) = (free.len().saturating_sub(self.min()), free.len().saturating_sub(self.max()));
        let (mut going, staying): (Vec<_>, Vec<_>) = free.into_iter().partition(|version| self.is_stale(version, now));
        going.truncate(beyond_min);
        // Where stale ones were spared for the minimum, none is beyond the maximum.
        let further = beyond_max.saturating_sub(going.len());
        going.extend(staying.into_iter().take(further));
        going.iter().map(|version| version.name.as_str()).collect()
    }

    fn is_stale(&self, version: &Version, now: Timestamp) -> bool {
        let older = |since: Timestamp, limit: Duration| {
            let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
            age > limit
        };
        let created = duration(self.since_created).unwrap_or(SINCE_CREATED);
        let unrouted = duration(self.since_unrouted).unwrap_or(SINCE_UNROUTED);
        older(version.created, created) && version.unrouted_since.is_some_and(|since| older(since, unrouted))
    }

    /// Names the first field that is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        check::within("min", self.min, 0..=VERSIONS)?;
        check::within("max", self.max, 0..=VERSIONS)?;
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            return Err(format!("min is {min}: must not be greater than `max`, which is {max}"));
        }
        check::time("sinceCreated", duration(self.since_created), Duration::ZERO..=TEN_YEARS)?;
        check::time("sinceUnrouted", duration(self.since_unrouted), Duration::ZERO..=TEN_YEARS)
    }
}

#[cfg(test)]
mod tests;
