//! Times of the day or week at which a revision has more pods than it needs.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pods that are ready from `start` on and kept until `end`, on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.start != self.end && self.start + ':00' != self.end && self.start != self.end + ':00'")
    .message("`start` and `end` must differ; a whole day is '00:00' to '24:00'"))]
pub struct Schedule {
    /// Local time at which the pods are ready, as `08:00` or `08:00:30`.
    #[x_kube(validation = Rule::new("self.matches('^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$')")
        .message("must be a time of the day from '00:00' to '23:59:59', such as '08:00'"))]
    #[schemars(length(max = 32))]
    pub start: String,
    /// Local time from which they are kept no longer, as `18:30`, at most `24:00`. One that is before `start` is of
    /// the next day.
    #[x_kube(validation = Rule::new("self.matches('^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$')")
        .message("must be a time of the day from '00:00' to '24:00', such as '18:30'"))]
    #[schemars(length(max = 32))]
    pub end: String,
    /// Name of the time zone of both, as `Europe/Berlin`. Default UTC. A time that a change of the clocks leaves out is
    /// the moment of the change, of one that comes twice the first counts.
    #[schemars(length(min = 1, max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Days on which it starts. Default all.
    #[schemars(length(min = 1, max = 7))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<Day>>,
    /// Fewest pods in that time, in pods. Range 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub min: u32,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "each is what it is called")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
