//! A record as JSON.

use scaling::Record;
use serde_json::{Value, json};

use super::seconds;

/// Every field of it, by name; a new one has to be named here.
pub fn describe(record: &Record) -> Value {
    let Record {
        at: _,
        held,
        in_flight,
        ready,
        reporting,
        before,
        stable,
        burst,
        load,
        per_pod,
        by_stable,
        by_burst,
        by_demand,
        lowest,
        highest,
        activation,
        burst_pods,
        delayed,
        wanted,
        starting,
        min,
        max,
        grace_left,
        retention_left,
        retry_in_s,
        metric,
        burst_on,
        routed,
        reason,
        desired,
    } = *record;
    json!({
        "metric": format!("{metric:?}"),
        "held": held,
        "inFlight": in_flight,
        "readyPods": ready,
        "reportingPods": reporting,
        "desiredBefore": before,
        "stableAverage": stable,
        "burstAverage": burst,
        "load": load,
        "targetPerPod": per_pod,
        "podsByStable": by_stable,
        "podsByBurst": by_burst,
        "podsByDemand": by_demand,
        "lowestAtOnce": lowest,
        "highestAtOnce": highest,
        "activation": activation,
        "burstOn": burst_on,
        "burstPods": burst_pods,
        "delayedPods": delayed,
        "startingPods": starting,
        "wanted": wanted,
        "min": min,
        "max": max,
        "graceLeftSeconds": seconds(grace_left),
        "retentionLeftSeconds": seconds(retention_left),
        "retryInSeconds": retry_in_s,
        "routed": routed,
        "reason": reason.as_str(),
        "desired": desired,
    })
}
